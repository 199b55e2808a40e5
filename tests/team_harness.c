/* Callers at once, odd numbers of tasks and threads, and forks: tests/test_team.py runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "team.h"

enum { MOST_TASKS = 999, MOST_THREADS = 6 };

typedef struct {
    long *out;
    long factor;
    int threads;
} work_t;

static void add(const void *pointer, ptrdiff_t task, int thread)
{
    const work_t *work = pointer;
    if (thread < 0 || thread >= work->threads)
        abort();
    work->out[task] += task * work->factor;
}

static void *caller(void *argument)
{
    work_t work = {calloc(MOST_TASKS, sizeof(long)), (long)(intptr_t)argument, 0};
    unsigned seed = work.factor;
    for (int round = 0; round < 2000; round++) {
        int tasks = rand_r(&seed) % (MOST_TASKS + 1);
        work.threads = 1 + rand_r(&seed) % MOST_THREADS;
        for (int i = 0; i < tasks; i++)
            work.out[i] = 0;
        fc_share(add, &work, tasks, work.threads);
        for (int i = 0; i < tasks; i++)
            if (work.out[i] != i * work.factor)
                abort();
    }
    free(work.out);
    return NULL;
}

int main(void)
{
    pthread_t callers[8];
    pthread_atfork(NULL, NULL, fc_after_fork_in_child);
    for (long i = 0; i < 8; i++)
        pthread_create(&callers[i], NULL, caller, (void *)(i + 1));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* locks of theirs stay locked in a child */
    int forks = 0;
#else
    int forks = 10;
#endif
    for (int i = 0; i < forks; i++) {
        int status;
        pid_t child = fork(); /* while others call */
        if (child == 0) {
            caller((void *)3);
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (status)
            return 1;
    }
    for (int i = 0; i < 8; i++)
        pthread_join(callers[i], NULL);
    printf("%d workers\n", fc_worker_count);
    return 0;
}
