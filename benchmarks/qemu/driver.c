/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plays a trace (benchmarks/trace.ts says what stands in one) on QEMU's memory core. build.sh links this file with
 * QEMU's own objects in place of its main program; what is called here is what QEMU's device models call.
 *
 *   driver check  TRACE STEPS                  prints all views after building, and after each of the first STEPS
 *   driver time   TRACE WARM_UP_NS MINIMUM_NS  repeats the steps, and says what they cost
 *   driver once   TRACE MAXIMUM_NS             makes the steps once, the first time in this process
 *   driver lookup TRACE WARM_UP_NS MINIMUM_NS  repeats the lookups
 *   driver memory TRACE                        says how much memory the process has after building
 *   driver count  TRACE STEPS                  makes the first STEPS in count_steps(), for an instruction counter
 *   driver version
 *
 * benchmarks/players/ has the same program for our side.
 */

#include "qemu/osdep.h"
#include "qemu-version.h"
#include <malloc.h>
#include "exec/memory.h"
#include "qemu/error-report.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "sysemu/sysemu.h"

#define MAX_NUMBERS 4
/*
 * Old views pile up until QEMU's RCU thread gets the lock that we hold: it does after this many steps. It likes to
 * have 30 (RCU_CALL_MIN_SIZE) and otherwise waits.
 */
#define STEPS_PER_BATCH 32

typedef struct Region {
    MemoryRegion mr; /* first: a MemoryRegion of a trace is a Region */
    uint64_t number;
} Region;

typedef struct Listener {
    MemoryListener listener; /* first */
    uint64_t begins, commits, adds, dels;
} Listener;

typedef struct Call Call;
struct Call {
    void (*make)(const Call *call);
    uint64_t numbers[MAX_NUMBERS];
};

static GPtrArray *regions;   /* Region *, by number */
static GPtrArray *spaces;    /* AddressSpace *, by number */
static GPtrArray *listeners; /* Listener * */
static GArray *calls;        /* Call, of all steps */
static GArray *step_starts;  /* guint: where in calls each step starts; one more at the end */
static GArray *lookups;      /* uint64_t */

static MemoryRegion *region(uint64_t number)
{
    return &((Region *)g_ptr_array_index(regions, number))->mr;
}

/* A region that does not exist yet. Devices allocate theirs within their own state. */
static MemoryRegion *new_region(uint64_t number, char *name, size_t length)
{
    Region *made = g_new0(Region, 1);

    made->number = number;
    if (number >= regions->len) {
        g_ptr_array_set_size(regions, number + 1);
    }
    g_ptr_array_index(regions, number) = made;
    snprintf(name, length, "r%" PRIu64, number);
    return &made->mr;
}

/* Addresses that stand for a RAM region's memory. Nothing touches them. */
static void *reserve(uint64_t size)
{
    void *memory = mmap(NULL, ROUND_UP(size, qemu_real_host_page_size()), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        error_report("%" PRIu64 " bytes can't be reserved: %s", size, strerror(errno));
        exit(1);
    }
    return memory;
}

static uint64_t read_nothing(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void write_nothing(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps nothing_ops = {
    .read = read_nothing,
    .write = write_nothing,
};

/* A size of 2^64 was read as UINT64_MAX, which is QEMU's way to say it, too. */

static void make_container(const Call *call)
{
    char name[32];

    memory_region_init(new_region(call->numbers[0], name, sizeof(name)), NULL, name,
                       call->numbers[1]);
}

static void make_io(const Call *call)
{
    char name[32];

    memory_region_init_io(new_region(call->numbers[0], name, sizeof(name)), NULL, &nothing_ops,
                          NULL, name, call->numbers[1]);
}

static void make_ram(const Call *call)
{
    char name[32];

    memory_region_init_ram_ptr(new_region(call->numbers[0], name, sizeof(name)), NULL, name,
                               call->numbers[1], reserve(call->numbers[1]));
}

static void make_ram_device(const Call *call)
{
    char name[32];

    memory_region_init_ram_device_ptr(new_region(call->numbers[0], name, sizeof(name)), NULL,
                                      name, call->numbers[1], reserve(call->numbers[1]));
}

static void make_rom_device(const Call *call)
{
    char name[32];

    memory_region_init_rom_device_nomigrate(new_region(call->numbers[0], name, sizeof(name)),
                                            NULL, &nothing_ops, NULL, name, call->numbers[1],
                                            &error_fatal);
}

static void make_alias(const Call *call)
{
    char name[32];

    memory_region_init_alias(new_region(call->numbers[0], name, sizeof(name)), NULL, name,
                             region(call->numbers[1]), call->numbers[2], call->numbers[3]);
}

static void make_space(const Call *call)
{
    AddressSpace *space = g_new0(AddressSpace, 1);
    char name[32];

    if (call->numbers[0] >= spaces->len) {
        g_ptr_array_set_size(spaces, call->numbers[0] + 1);
    }
    g_ptr_array_index(spaces, call->numbers[0]) = space;
    snprintf(name, sizeof(name), "s%" PRIu64, call->numbers[0]);
    address_space_init(space, region(call->numbers[1]), name);
}

static void count_begin(MemoryListener *listener)
{
    ((Listener *)listener)->begins++;
}

static void count_commit(MemoryListener *listener)
{
    ((Listener *)listener)->commits++;
}

static void count_add(MemoryListener *listener, MemoryRegionSection *section)
{
    ((Listener *)listener)->adds++;
}

static void count_del(MemoryListener *listener, MemoryRegionSection *section)
{
    ((Listener *)listener)->dels++;
}

static void make_listener(const Call *call)
{
    Listener *made = g_new0(Listener, 1);

    made->listener = (MemoryListener) {
        .name = "counting",
        .begin = count_begin,
        .commit = count_commit,
        .region_add = count_add,
        .region_del = count_del,
    };
    g_ptr_array_add(listeners, made);
    memory_listener_register(&made->listener, g_ptr_array_index(spaces, call->numbers[0]));
}

static void add(const Call *call)
{
    memory_region_add_subregion_overlap(region(call->numbers[0]), call->numbers[2],
                                        region(call->numbers[1]), (int)call->numbers[3]);
}

static void remove_(const Call *call)
{
    memory_region_del_subregion(region(call->numbers[0]), region(call->numbers[1]));
}

static void set_address(const Call *call)
{
    memory_region_set_address(region(call->numbers[0]), call->numbers[1]);
}

static void set_size(const Call *call)
{
    memory_region_set_size(region(call->numbers[0]), call->numbers[1]);
}

static void set_offset(const Call *call)
{
    memory_region_set_alias_offset(region(call->numbers[0]), call->numbers[1]);
}

static void set_enabled(const Call *call)
{
    memory_region_set_enabled(region(call->numbers[0]), call->numbers[1]);
}

static void set_readonly(const Call *call)
{
    memory_region_set_readonly(region(call->numbers[0]), call->numbers[1]);
}

static void set_nonvolatile(const Call *call)
{
    memory_region_set_nonvolatile(region(call->numbers[0]), call->numbers[1]);
}

static void set_romd(const Call *call)
{
    memory_region_rom_device_set_romd(region(call->numbers[0]), call->numbers[1]);
}

static void begin(const Call *call)
{
    memory_region_transaction_begin();
}

static void commit(const Call *call)
{
    memory_region_transaction_commit();
}

static const struct {
    const char *word;
    void (*make)(const Call *call);
} verbs[] = {
    { "container", make_container },
    { "io", make_io },
    { "ram", make_ram },
    { "ram-device", make_ram_device },
    { "rom-device", make_rom_device },
    { "alias", make_alias },
    { "space", make_space },
    { "listen", make_listener },
    { "add", add },
    { "remove", remove_ },
    { "address", set_address },
    { "size", set_size },
    { "offset", set_offset },
    { "enabled", set_enabled },
    { "readonly", set_readonly },
    { "nonvolatile", set_nonvolatile },
    { "romd", set_romd },
    { "begin", begin },
    { "commit", commit },
};

static Call parse_call(const char *word, char **rest)
{
    Call call = {};
    const char *number;
    int i;

    for (i = 0; i < ARRAY_SIZE(verbs) && !call.make; i++) {
        if (!strcmp(verbs[i].word, word)) {
            call.make = verbs[i].make;
        }
    }
    if (!call.make) {
        error_report("\"%s\" is nothing that a trace says", word);
        exit(1);
    }
    for (i = 0; i < MAX_NUMBERS && (number = strtok_r(NULL, " \n", rest)); i++) {
        call.numbers[i] = strtoull(number, NULL, 0);
    }
    return call;
}

/* Makes the calls up to the first step; keeps the steps and the lookups. */
static void read_trace(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];

    if (!file) {
        error_report("%s: %s", path, strerror(errno));
        exit(1);
    }
    while (fgets(line, sizeof(line), file)) {
        char *rest, *word = strtok_r(line, " \n", &rest);

        if (!word) {
            continue;
        } else if (!strcmp(word, "step")) {
            g_array_append_val(step_starts, calls->len);
        } else if (!strcmp(word, "lookup")) {
            uint64_t address = strtoull(strtok_r(NULL, " \n", &rest), NULL, 0);
            g_array_append_val(lookups, address);
        } else {
            Call call = parse_call(word, &rest);

            if (step_starts->len == 0) {
                call.make(&call);
            } else {
                g_array_append_val(calls, call);
            }
        }
    }
    g_array_append_val(step_starts, calls->len);
    fclose(file);
}

static size_t step_count(void)
{
    return step_starts->len - 1;
}

/* Returns how many calls the step is. */
static guint make_step(size_t step)
{
    const Call *all = (const Call *)calls->data;
    guint start = g_array_index(step_starts, guint, step);
    guint end = g_array_index(step_starts, guint, step + 1);
    guint i;

    for (i = start; i < end; i++) {
        all[i].make(&all[i]);
    }
    return end - start;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/* Frees the views that are no longer in use. */
static void settle(void)
{
    drain_call_rcu();
}

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    uint64_t pages = 0;

    if (!file || fscanf(file, "%*u %" SCNu64, &pages) != 1) {
        error_report("/proc/self/statm can't be read");
        exit(1);
    }
    fclose(file);
    return pages * qemu_real_host_page_size();
}

static void print_range(MemoryListener *listener, MemoryRegionSection *section)
{
    uint64_t size_less_1 = int128_get64(int128_sub(section->size, int128_one()));

    printf("0x%" PRIx64 "-0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64 "%s%s\n",
           section->offset_within_address_space,
           section->offset_within_address_space + size_less_1,
           ((Region *)section->mr)->number, section->offset_within_region,
           section->readonly ? " readonly" : "", section->nonvolatile ? " nonvolatile" : "");
}

/* Prints every view once; a space whose view another has, too, only names that one. */
static void print_views(void)
{
    MemoryListener printer = { .name = "printer", .region_add = print_range };
    guint i, j;

    for (i = 0; i < spaces->len; i++) {
        AddressSpace *space = g_ptr_array_index(spaces, i);
        const FlatView *view = address_space_to_flatview(space);

        for (j = 0; address_space_to_flatview(g_ptr_array_index(spaces, j)) != view; j++) {
            /* There is one: the space itself. */
        }
        if (j < i) {
            printf("space %u is space %u\n", i, j);
            continue;
        }
        printf("space %u\n", i);
        memory_listener_register(&printer, space);
        memory_listener_unregister(&printer);
    }
}

static void print_listeners(void)
{
    guint i;

    for (i = 0; i < listeners->len; i++) {
        const Listener *it = g_ptr_array_index(listeners, i);

        printf("listener %u begin %" PRIu64 " commit %" PRIu64 " add %" PRIu64 " del %" PRIu64
               "\n", i, it->begins, it->commits, it->adds, it->dels);
    }
}

static void run_check(uint64_t steps)
{
    uint64_t i;

    print_views();
    for (i = 0; i < steps; i++) {
        make_step(i % step_count());
        printf("step %" PRIu64 "\n", i + 1);
        print_views();
    }
    print_listeners();
}

/* Makes steps for so much CPU time; returns how many. */
static uint64_t warm_up(uint64_t warm_up_ns)
{
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID), step = 0;

    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start < warm_up_ns) {
        make_step(step++ % step_count());
        if (step % STEPS_PER_BATCH == 0) {
            settle();
        }
    }
    settle();
    return step;
}

static void run_time(uint64_t warm_up_ns, uint64_t minimum_ns)
{
    uint64_t wall = 0, steps = 0, step = warm_up(warm_up_ns), cpu_start;
    int i;

    cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (wall < minimum_ns) {
        uint64_t start = clock_ns(CLOCK_MONOTONIC), spent = 0;

        for (i = 0; i < STEPS_PER_BATCH && wall + spent < minimum_ns; i++) {
            make_step(step++ % step_count());
            spent = clock_ns(CLOCK_MONOTONIC) - start;
        }
        steps += i;
        wall += spent;
        settle();
    }
    printf("{\"steps\":%" PRIu64 ",\"wallNs\":%" PRIu64 ",\"cpuNs\":%" PRIu64
           ",\"residentBytes\":%" PRIu64 "}\n", steps, wall,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start, resident_bytes());
}

/* A step of a boot can be hundreds of commits: so calls are counted here, and not steps. */
static void run_once(uint64_t maximum_ns)
{
    uint64_t cpu_start, wall = 0, step = 0, calls_since = 0;

    settle();
    cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (step < step_count() && wall < maximum_ns) {
        uint64_t start = clock_ns(CLOCK_MONOTONIC);

        calls_since += make_step(step++);
        wall += clock_ns(CLOCK_MONOTONIC) - start;
        if (calls_since >= STEPS_PER_BATCH) {
            settle();
            calls_since = 0;
        }
    }
    settle();
    printf("{\"steps\":%" PRIu64 ",\"wallNs\":%" PRIu64 ",\"cpuNs\":%" PRIu64
           ",\"residentBytes\":%" PRIu64 "}\n", step, wall,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start, resident_bytes());
}

static MemoryRegion *translate(AddressSpace *space, uint64_t address, hwaddr *offset)
{
    hwaddr length = 4;

    return address_space_translate(space, address, offset, &length, false,
                                   MEMTXATTRS_UNSPECIFIED);
}

/* What all lookups together find, for comparing. */
static uint64_t lookup_checksum(AddressSpace *space)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    uint64_t sum = 0;
    guint i;

    for (i = 0; i < regions->len; i++) {
        g_hash_table_add(known, g_ptr_array_index(regions, i));
    }
    for (i = 0; i < lookups->len; i++) {
        hwaddr offset;
        MemoryRegion *found = translate(space, g_array_index(lookups, uint64_t, i), &offset);

        if (g_hash_table_contains(known, found)) {
            sum += offset + ((Region *)found)->number + 1;
        }
    }
    return sum;
}

static uint64_t look_up_all(AddressSpace *space)
{
    const uint64_t *addresses = (const uint64_t *)lookups->data;
    uint64_t sum = 0;
    guint i;

    for (i = 0; i < lookups->len; i++) {
        hwaddr offset;

        sum += (uintptr_t)translate(space, addresses[i], &offset) + offset;
    }
    return sum;
}

static void run_lookup(uint64_t warm_up_ns, uint64_t minimum_ns)
{
    AddressSpace *space = g_ptr_array_index(spaces, 0);
    uint64_t wall = 0, count = 0, sum = 0, cpu_start;
    RCU_READ_LOCK_GUARD();
    uint64_t checksum = lookup_checksum(space);

    cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start < warm_up_ns) {
        sum += look_up_all(space);
    }
    cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    while (wall < minimum_ns) {
        uint64_t start = clock_ns(CLOCK_MONOTONIC);

        sum += look_up_all(space);
        wall += clock_ns(CLOCK_MONOTONIC) - start;
        count += lookups->len;
    }
    fprintf(stderr, "%s", sum == 1 ? " " : ""); /* so that the lookups are needed */
    printf("{\"lookups\":%" PRIu64 ",\"wallNs\":%" PRIu64 ",\"cpuNs\":%" PRIu64
           ",\"checksum\":%" PRIu64 "}\n", count, wall,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start, checksum);
}

static void run_memory(void)
{
    settle();
    malloc_trim(0);
    printf("{\"residentBytes\":%" PRIu64 "}\n", resident_bytes());
}

/* Never inlined: an instruction counter is switched on and off by this function's name. */
static __attribute__((noinline)) void count_steps(uint64_t steps)
{
    uint64_t i;

    for (i = 0; i < steps; i++) {
        make_step(i % step_count());
    }
}

static uint64_t number_argument(char **argv, int at)
{
    return argv[at] ? strtoull(argv[at], NULL, 0) : 0;
}

static void run(char **argv)
{
    const char *mode = argv[1];

    if (!strcmp(mode, "check")) {
        run_check(number_argument(argv, 3));
    } else if (!strcmp(mode, "time")) {
        run_time(number_argument(argv, 3), number_argument(argv, 4));
    } else if (!strcmp(mode, "once")) {
        run_once(number_argument(argv, 3));
    } else if (!strcmp(mode, "lookup")) {
        run_lookup(number_argument(argv, 3), number_argument(argv, 4));
    } else if (!strcmp(mode, "memory")) {
        run_memory();
    } else if (!strcmp(mode, "count")) {
        count_steps(number_argument(argv, 3));
    } else {
        error_report("\"%s\" is nothing that this program does", mode);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    char *qemu_argv[] = { argv[0], (char *)"-M", (char *)"none", (char *)"-accel",
                          (char *)"qtest", (char *)"-display", (char *)"none", NULL };

    if (argc >= 2 && !strcmp(argv[1], "version")) {
        printf("%s\n", QEMU_FULL_VERSION);
        return 0;
    }
    if (argc < 3) {
        fprintf(stderr, "Usage: %s MODE TRACE [NUMBER...]\n", argv[0]);
        return 1;
    }
    qemu_init(ARRAY_SIZE(qemu_argv) - 1, qemu_argv);
    regions = g_ptr_array_new();
    spaces = g_ptr_array_new();
    listeners = g_ptr_array_new();
    calls = g_array_new(false, false, sizeof(Call));
    step_starts = g_array_new(false, false, sizeof(guint));
    lookups = g_array_new(false, false, sizeof(uint64_t));
    read_trace(argv[2]);
    run(argv);
    fflush(stdout);
    _exit(0); /* QEMU's own ending is of no interest */
}
