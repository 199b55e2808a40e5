/* A team of threads that help whoever calls: POSIX threads, asleep between calls.

   The caller deals its tasks out, wakes workers, and computes; who has done his own tasks takes over
   what others have left. It returns when all tasks are done, whether or not every worker has woken
   up: a call that no worker has answered is taken back. So a busy processor costs at most the tasks
   that were begun on it, where a barrier would wait for a thread that does not run.

   In a long call the caller asks now and then whether to go on; if not, all leave what is not begun.

   Workers compute with the caller's floating-point control word.

   A worker serves one caller at a time. Callers at once share the workers there are, and there are
   never more than the largest number of threads asked for. A forked child begins with none.

   FC_OPENMP, for systems without POSIX threads, leaves all but the tasks to OpenMP. */

#include <stddef.h>
#include <stdint.h>

#include <time.h>

#include "control.h"

#if !defined(FC_OPENMP)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__linux__) /* with _GNU_SOURCE defined */
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef void (*fc_task)(const void *work, ptrdiff_t task, int thread);

enum {
    FC_MOST_WORKERS = 1023,
    FC_MOST_QUEUES = 64, /* more threads than these share them */
    /* Tasks are taken in runs, at most so many to a queue: taking one is an atomic operation. */
    FC_MOST_RUNS = 64,
    /* Nanoseconds that a thread looks out for work, or for a worker's end, before it goes to sleep:
       calls that follow each other closely find their workers awake. */
    FC_PATIENCE = 50000,
    /* Nanoseconds after which a waiting caller looks whether the worker runs at all. */
    FC_SOON = 300000,
    /* Nanoseconds after which a caller asks whether to go on, for the first time and again. Loops so close
       to each other are one long call. */
    FC_LONG = 100000000,
    FC_CLOSE = 1000000,
};

/* Whether to give up; only callers ask. */
static int (*fc_ask)(void);

typedef struct {
    ptrdiff_t next, stop;
    char apart[112]; /* no two in one pair of cache lines, which are fetched together */
} fc_queue;

/* On the stack of the caller. */
typedef struct {
    fc_task run;
    const void *work;
    uint64_t control;  /* word, of the caller */
    ptrdiff_t at_once; /* tasks of a run */
    int given_up;      /* by the caller */
    int queues;
    fc_queue queue[FC_MOST_QUEUES];
} fc_job;

static inline int64_t fc_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Of a caller: when to ask again, and when its last loop ended. */
static _Thread_local int64_t fc_ask_at, fc_ended;

static inline void fc_begins(void)
{
    const int64_t now = fc_now();
    if (now > fc_ended + FC_CLOSE)
        fc_ask_at = now + FC_LONG;
}

/* Whether the caller, after a task, learns that it should give up. */
static inline int fc_gives_up(void)
{
    const int64_t now = fc_now();
    if (now < fc_ask_at || !fc_ask)
        return 0;
    fc_ask_at = now + FC_LONG;
    return fc_ask();
}

static void fc_leave_tasks(fc_job *job)
{
    job->given_up = 1;
    for (int i = 0; i < job->queues; i++)
        __atomic_store_n(&job->queue[i].next, job->queue[i].stop, __ATOMIC_RELAXED);
}

/* Its own tasks, then the others'. */
static void fc_do_tasks(fc_job *job, int thread)
{
    const uint64_t control = fc_control();
    if (control != job->control)
        fc_set_control(job->control);
    for (int i = 0; i < job->queues; i++) {
        fc_queue *queue = &job->queue[(thread + i) % job->queues];
        while (__atomic_load_n(&queue->next, __ATOMIC_RELAXED) < queue->stop) {
            ptrdiff_t task = __atomic_fetch_add(&queue->next, job->at_once, __ATOMIC_RELAXED);
            ptrdiff_t stop = task + job->at_once < queue->stop ? task + job->at_once : queue->stop;
            for (; task < stop; task++) {
                job->run(job->work, task, thread);
                if (thread == 0 && fc_gives_up()) {
                    fc_leave_tasks(job);
                    break;
                }
            }
        }
    }
    if (control != job->control)
        fc_set_control(control);
}

/* Neighbouring tasks for every queue. */
static void fc_deal(fc_job *job, fc_task run, const void *work, ptrdiff_t tasks, int threads)
{
    ptrdiff_t start = 0;
    job->run = run;
    job->work = work;
    job->control = fc_control();
    job->given_up = 0;
    job->queues = threads < FC_MOST_QUEUES ? threads : FC_MOST_QUEUES;
    job->at_once = tasks / job->queues / FC_MOST_RUNS + 1;
    for (int i = 0; i < job->queues; i++) {
        job->queue[i].next = start;
        start += tasks / job->queues + (i < tasks % job->queues);
        job->queue[i].stop = start;
    }
}

#if defined(FC_OPENMP)

static int fc_forked; /* a child's parallel region would wait for threads that it does not have */

static void fc_with_others(fc_job *job, int threads)
{
    threads = fc_forked ? 1 : threads;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++)
        fc_do_tasks(job, thread);
}

static void fc_after_fork_in_child(void)
{
    fc_forked = 1;
}

#else

/* What a worker does, and what is wanted of it. */
enum { FC_READY, FC_ASLEEP, FC_CALLED, FC_AT_WORK, FC_AWAITED };

typedef struct {
    uint32_t state;
    int thread; /* its number in the job */
    fc_job *job;
    char apart[112];
#if defined(__linux__)
    pid_t id;
    clockid_t clock; /* of the processor time that it uses */
    int barred; /* the processor that it must not use, or -1 */
#else
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
} fc_worker;

static fc_worker fc_workers[FC_MOST_WORKERS] __attribute__((aligned(128)));
static uint64_t fc_free[(FC_MOST_WORKERS + 63) / 64]; /* a bit per worker that nobody has */
static int fc_worker_count;
static pthread_mutex_t fc_hiring = PTHREAD_MUTEX_INITIALIZER;

static inline void fc_look_away(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* The worker's state once it is no longer `state`, or after a while. */
static uint32_t fc_watch(const fc_worker *worker, uint32_t state)
{
    uint32_t seen = __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);
    if (seen != state)
        return seen;
    for (int64_t end = fc_now() + FC_PATIENCE; seen == state && fc_now() < end;) {
        for (int i = 0; i < 8 && seen == state; i++) {
            fc_look_away();
            seen = __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);
        }
    }
    return seen;
}

/* Sleep while `worker` is in `state`, for `time` at most if that is not NULL; may return early. */
static void fc_sleep(fc_worker *worker, uint32_t state, const struct timespec *time)
{
#if defined(__linux__)
    syscall(SYS_futex, &worker->state, FUTEX_WAIT_PRIVATE, state, time, NULL, 0);
#else
    (void)time;
    pthread_mutex_lock(&worker->lock);
    if (__atomic_load_n(&worker->state, __ATOMIC_ACQUIRE) == state)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
#endif
}

static void fc_wake(fc_worker *worker)
{
#if defined(__linux__)
    syscall(SYS_futex, &worker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
#else
    pthread_mutex_lock(&worker->lock);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
#endif
}

/* Keep a worker off the processor that its caller is on, where it would wait for the caller's end. A
   kernel may wake it there: to pack threads together saves power. */
static void fc_bar(fc_worker *worker, int processor)
{
#if defined(__linux__)
    cpu_set_t allowed;
    pid_t id = __atomic_load_n(&worker->id, __ATOMIC_ACQUIRE);
    if (worker->barred == processor || id == 0 || sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    if (CPU_COUNT(&allowed) > 1)
        CPU_CLR(processor, &allowed);
    if (sched_setaffinity(id, sizeof allowed, &allowed) == 0)
        worker->barred = processor;
#else
    (void)worker, (void)processor;
#endif
}

static int fc_here(void)
{
#if defined(__linux__)
    return sched_getcpu();
#else
    return 0;
#endif
}

static inline int fc_change(fc_worker *worker, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&worker->state, &from, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void *fc_serve(void *argument)
{
    fc_worker *me = argument;
#if defined(__linux__)
    __atomic_store_n(&me->id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
#endif
    for (;;) {
        uint32_t state = fc_watch(me, FC_READY);
        if (state == FC_READY)
            fc_change(me, FC_READY, FC_ASLEEP);
        else if (state == FC_ASLEEP)
            fc_sleep(me, FC_ASLEEP, NULL);
        else if (state == FC_CALLED && fc_change(me, FC_CALLED, FC_AT_WORK)) {
            fc_do_tasks(me->job, me->thread);
            if (__atomic_exchange_n(&me->state, FC_READY, __ATOMIC_ACQ_REL) == FC_AWAITED)
                fc_wake(me);
        }
    }
    return NULL;
}

/* Have `wanted` workers, as far as the system gives them. */
static void fc_hire(int wanted)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t id;
    if (wanted > FC_MOST_WORKERS)
        wanted = FC_MOST_WORKERS;
    pthread_mutex_lock(&fc_hiring);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the threads of the program */
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    while (fc_worker_count < wanted) {
        int i = fc_worker_count;
        fc_worker *worker = &fc_workers[i];
        worker->state = FC_READY;
#if defined(__linux__)
        worker->id = 0;
        worker->barred = -1;
#else
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->changed, NULL);
#endif
        if (pthread_create(&id, &attributes, fc_serve, worker))
            break;
#if defined(__linux__)
        pthread_getcpuclockid(id, &worker->clock);
#endif
        __atomic_store_n(&fc_worker_count, i + 1, __ATOMIC_RELEASE);
        __atomic_fetch_or(&fc_free[i / 64], (uint64_t)1 << i % 64, __ATOMIC_RELEASE);
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&fc_hiring);
}

/* Call up to `wanted` workers that are free, the same ones first at every call. */
static int fc_call(fc_job *job, int wanted, fc_worker **called)
{
    int count = 0, here = fc_here();
    for (int word = 0; word < (int)(sizeof fc_free / sizeof *fc_free) && count < wanted; word++) {
        uint64_t bits = __atomic_load_n(&fc_free[word], __ATOMIC_RELAXED);
        while (bits && count < wanted) {
            uint64_t lowest = bits & -bits;
            if (!__atomic_compare_exchange_n(&fc_free[word], &bits, bits & ~lowest, 0, __ATOMIC_ACQ_REL,
                                             __ATOMIC_RELAXED))
                continue;
            bits &= ~lowest;
            fc_worker *worker = &fc_workers[64 * word + __builtin_ctzll(lowest)];
            worker->job = job;
            worker->thread = ++count;
            called[count - 1] = worker;
            fc_bar(worker, here);
            if (__atomic_exchange_n(&worker->state, FC_CALLED, __ATOMIC_ACQ_REL) == FC_ASLEEP)
                fc_wake(worker);
        }
    }
    return count;
}

/* Let a worker that does not run have the processor of its caller, who has nothing to do but wait. */
static void fc_fetch(fc_worker *worker)
{
#if defined(__linux__)
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    if (sched_setaffinity(worker->id, sizeof here, &here) == 0)
        worker->barred = -1;
#else
    (void)worker;
#endif
}

/* Nanoseconds of processor time that a worker has used. */
static int64_t fc_used(const fc_worker *worker)
{
#if defined(__linux__)
    struct timespec time;
    if (clock_gettime(worker->clock, &time) == 0)
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
#endif
    (void)worker;
    return 0;
}

/* Wait until a worker has done what it began. */
static void fc_await(fc_worker *worker)
{
    const struct timespec soon = {0, FC_SOON};
    int64_t before = fc_used(worker);
    while (fc_watch(worker, FC_AT_WORK) == FC_AT_WORK) {
        int64_t used = fc_used(worker);
        if (used - before < FC_PATIENCE / 4)
            fc_fetch(worker);
        before = used;
        if (fc_change(worker, FC_AT_WORK, FC_AWAITED)) {
            fc_sleep(worker, FC_AWAITED, &soon);
            fc_change(worker, FC_AWAITED, FC_AT_WORK);
        }
    }
}

/* Take the call back, or wait. */
static void fc_dismiss(fc_worker *worker)
{
    if (!fc_change(worker, FC_CALLED, FC_READY) && fc_watch(worker, FC_AT_WORK) == FC_AT_WORK)
        fc_await(worker);
    ptrdiff_t i = worker - fc_workers;
    __atomic_fetch_or(&fc_free[i / 64], (uint64_t)1 << i % 64, __ATOMIC_RELEASE);
}

/* The caller's tasks and, as far as there are workers, theirs. */
static void fc_with_others(fc_job *job, int threads)
{
    fc_worker *called[FC_MOST_WORKERS];
    int count;
    if (__atomic_load_n(&fc_worker_count, __ATOMIC_ACQUIRE) < threads - 1)
        fc_hire(threads - 1);
    count = fc_call(job, threads - 1, called);
    fc_do_tasks(job, 0);
    for (int i = 0; i < count; i++)
        fc_dismiss(called[i]);
}

/* Threads do not survive a fork. */
static void fc_after_fork_in_child(void)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    fc_hiring = fresh;
    fc_worker_count = 0;
    for (int i = 0; i < (int)(sizeof fc_free / sizeof *fc_free); i++)
        fc_free[i] = 0;
}

#endif

/* Do tasks [0, `tasks`) with up to `threads` threads: `run(work, task, thread)`, the caller being
   thread 0. A thread's own tasks are neighbours, and the same at every call. True if the caller was told
   to give up. */
static int fc_share(fc_task run, const void *work, ptrdiff_t tasks, int threads)
{
    fc_job job;
    int given_up = 0;
    if (threads > tasks)
        threads = (int)tasks;
    if (threads > FC_MOST_WORKERS + 1)
        threads = FC_MOST_WORKERS + 1;
    fc_begins();
    if (threads <= 1) {
        for (ptrdiff_t task = 0; task < tasks && !given_up; task++) {
            run(work, task, 0);
            given_up = fc_gives_up();
        }
    }
    else {
        fc_deal(&job, run, work, tasks, threads);
        fc_with_others(&job, threads);
        given_up = job.given_up;
    }
    fc_ended = fc_now();
    return given_up;
}
