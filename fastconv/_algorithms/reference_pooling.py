name = "reference"
kinds = ("max_pool", "avg_pool")
