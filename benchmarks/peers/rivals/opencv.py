"""OpenCV: filter2D, sepFilter2D where the filter is separable, dilate and boxFilter."""

import numpy as np

from .face import Prepared, Refusal, Rival, fastest, one_plane_each, planes, rank_one, unit_steps


class OpenCV(Rival):
    name = "opencv"
    modules = ("cv2",)

    def start(self, threads):
        import cv2

        cv2.setNumThreads(threads)
        return f"opencv {cv2.__version__}, {cv2.getNumThreads()} threads"

    def prepare(self, case, layout, x, weight, bias):
        if case.ndim > 2:
            raise Refusal("images only")
        unit_steps(case, stride=case.op != "conv")
        one_plane_each(case)
        pads = [before for before, _ in case.padding]
        for before, kernel, size, outputs, stride in zip(
            pads, case.kernel, case.input, case.output, case.stride
        ):
            if not 0 <= before < kernel or (outputs - 1) * stride >= size:
                raise Refusal("the output reaches further than the image")
        # A signal is an image of one row.
        rows = (1,) * (2 - case.ndim)
        images = planes(case, x, layout).reshape(-1, *rows, *case.input[-2:])
        kernel, anchor = (*rows, *case.kernel), (*(0 for _ in rows), *pads)[::-1]
        keep = (*(slice(None) for _ in rows), *map(_every, case.output, case.stride))
        candidates = self._candidates(case, images, weight, bias, kernel, anchor, keep)
        detail, call = fastest(candidates)
        shape = case.output_shape("channels_first")
        return Prepared(call, lambda ys: np.asarray(_stacked(ys)).reshape(shape), detail)

    def _candidates(self, case, images, weight, bias, kernel, anchor, keep):
        import cv2

        border = cv2.BORDER_CONSTANT
        if case.op != "conv":
            if case.op == "max_pool":
                name, window = "dilate", np.ones(kernel, np.uint8)

                def operation(image):
                    return cv2.dilate(image, window, anchor=anchor)
            else:
                name = "boxFilter"

                def operation(image):
                    return cv2.boxFilter(image, -1, kernel[::-1], anchor=anchor, borderType=border)

            return [(name, lambda: [operation(image)[keep] for image in images])]

        filters = weight.reshape(-1, *kernel)
        biases = np.zeros(len(filters)) if bias is None else bias
        ratio, count = case.out_channels // case.in_channels, len(filters)
        jobs = [
            (images[k // ratio], filters[k % count], float(biases[k % count]))
            for k in range(case.batch * count)
        ]
        if bias is None and case.batch == ratio == 1 and 1 < count <= 4 and _all_same(filters):
            # OpenCV filters interleaved channels in one go.
            jobs = [(np.ascontiguousarray(np.moveaxis(images, 0, -1)), filters[0], 0.0)]
        settings = {"anchor": anchor, "borderType": border}
        found = [
            (
                "filter2D",
                lambda: [
                    cv2.filter2D(image, -1, f, delta=delta, **settings)[keep]
                    for image, f, delta in jobs
                ],
            )
        ]
        factors = [rank_one(f) for _, f, _ in jobs]
        if case.ndim == 2 and all(pair is not None for pair in factors):
            found.append(
                (
                    "sepFilter2D",
                    lambda: [
                        cv2.sepFilter2D(image, -1, row, column, delta=delta, **settings)[keep]
                        for (image, _, delta), (column, row) in zip(jobs, factors)
                    ],
                )
            )
        return found


def _every(outputs, stride):
    return slice(0, (outputs - 1) * stride + 1, stride)


def _all_same(filters):
    return all(np.array_equal(f, filters[0]) for f in filters)


def _stacked(ys):
    """Planes of a list of planes, or of one image with interleaved channels."""
    if len(ys) == 1 and ys[0].ndim == 3:
        return np.moveaxis(ys[0], -1, 0)
    return ys
