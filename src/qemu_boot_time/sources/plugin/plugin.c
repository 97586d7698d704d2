/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCG plugin that tells when a guest first runs certain places of its code: the host's
 * CLOCK_MONOTONIC, and the instructions run so far.
 *
 * What a place means is none of its business: the source beside it (places.py) hands places over
 * by number, and reads what comes back. A line a place, to a UNIX socket that the source listens at:
 *
 *     NUMBER TIME_NS INSTRUCTIONS VCPU ADDRESS\n
 *
 * Arguments (numbers are hexadecimal but for AFTER):
 *     socket=PATH                 where to
 *     count=on                    count instructions
 *     anchor=ADDRESS              link address of the first function that Linux calls at its
 *                                 virtual addresses: where it runs tells the slide of KASLR
 *     place=LO:HI:MASK:SLID:AFTER the first instruction at A with LO <= A <= HI and no bit of
 *                                 A - LO in MASK set, where LO < HI one that is jumped to; SLID: LO
 *                                 and HI are link addresses; AFTER: number of the place that must
 *                                 have been passed before, -1: none
 *     check=on                    end QEMU with status 0: it has taken this plugin
 *
 * Place 0 is the reset vector: from there on every place counts anew.
 *
 * The interface of QEMU is declared here, not included: QEMU's header comes with no distribution's
 * QEMU. PLUGIN_API is 1 for QEMU 4.2 to 8.2, and 2 from 9.0 on (include/qemu/qemu-plugin.h there).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* --- QEMU's interface, as far as it is used here ------------------------------------------- */

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            qemu_plugin_vcpu_udata_cb_t cb,
                                            enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

#if PLUGIN_API == 1

void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                              void *counter, uint64_t add);

static uint64_t counter;

static bool make_counter(void)
{
    return true;
}

static void count_block(struct qemu_plugin_tb *tb, size_t instructions)
{
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counter,
                                             instructions);
}

static uint64_t counted(void)
{
    return counter;
}

#else

struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
                                                       enum qemu_plugin_op op,
                                                       qemu_plugin_u64 entry, uint64_t add);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);

static qemu_plugin_u64 counter;

static bool make_counter(void)
{
    counter.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    return counter.score != NULL;
}

static void count_block(struct qemu_plugin_tb *tb, size_t instructions)
{
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, counter,
                                                      instructions);
}

static uint64_t counted(void)
{
    return qemu_plugin_u64_sum(counter);
}

#endif

/* --- what is looked for ------------------------------------------------------------------- */

#define MOST_PLACES 256
#define NO_PLACE -1
#define RESET_VECTOR 0

/* Where Linux runs its own code (Documentation/arch/x86/x86_64/mm.rst), and how it may be aligned
 * at the least (CONFIG_PHYSICAL_ALIGN): a slide keeps the bits below. */
#define TEXT_LO UINT64_C(0xffffffff80000000)
#define TEXT_HI UINT64_C(0xffffffffbfffffff)
#define LOW_BITS UINT64_C(0x1fffff)

struct place {
    uint64_t lo, hi, mask;
    unsigned int slid;
    int after;
    bool passed;
};

/* One instruction that may be a place's first. It lives as long as the translation may, and that
 * is as long as QEMU. */
struct sight {
    int place;
    uint64_t address;
    uint64_t not_yet; /* Instructions of its block that come after the one before this. */
};

static struct place places[MOST_PLACES];
static int n_places;
static uint64_t anchor, slide;
static bool has_anchor, slide_known, may_slide_anew, counts;
static int out = -1;

/* Whether a place's addresses are known by now: before the slide is, those that slide are not. */
static bool is_known(const struct place *place)
{
    return !place->slid || !has_anchor || slide_known;
}

/* By how much a place is moved. */
static uint64_t moved(const struct place *place)
{
    return place->slid ? slide : 0;
}

/* --- what is told ------------------------------------------------------------------------- */

static void tell(int place, uint64_t instructions, unsigned int vcpu, uint64_t address)
{
    struct timespec now;
    char line[128];
    int length;

    clock_gettime(CLOCK_MONOTONIC, &now);
    length = snprintf(line, sizeof(line), "%d %" PRIu64 " %" PRIu64 " %u %" PRIx64 "\n", place,
                      (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec, instructions, vcpu, address);
    /* A reader that has gone is no reason to end the guest. */
    while (send(out, line, length, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* After a reset the kernel may lie elsewhere. Where it does not, nothing is translated again, and
 * what is known of the slide holds. */
static void begin_anew(void)
{
    for (int i = 0; i < n_places; i++)
        places[i].passed = false;
    may_slide_anew = slide_known;
}

static void pass(unsigned int vcpu, void *userdata)
{
    const struct sight *sight = userdata;
    struct place *place = &places[sight->place];

    if (sight->place == RESET_VECTOR)
        begin_anew();
    if (place->after != NO_PLACE && !places[place->after].passed)
        return;
    /* Several vCPUs may be here at once. */
    if (__atomic_exchange_n(&place->passed, true, __ATOMIC_SEQ_CST))
        return;
    if (place->slid)
        may_slide_anew = false;
    tell(sight->place, counts ? counted() - sight->not_yet : 0, vcpu, sight->address);
}

/* --- where it is found -------------------------------------------------------------------- */

static void find_slide(uint64_t address)
{
    if (!has_anchor || (slide_known && !may_slide_anew))
        return;
    if (address >= TEXT_LO && address <= TEXT_HI && !((address - anchor) & LOW_BITS)) {
        slide = address - anchor;
        slide_known = true;
        may_slide_anew = false;
    }
}

static void watch(struct qemu_plugin_insn *insn, int place, uint64_t address, uint64_t not_yet)
{
    struct sight *sight = malloc(sizeof(*sight));

    if (!sight)
        return;
    *sight = (struct sight){place, address, not_yet};
    qemu_plugin_register_vcpu_insn_exec_cb(insn, pass, QEMU_PLUGIN_CB_NO_REGS, sight);
}

static bool is_one_address(const struct place *place)
{
    return place->lo == place->hi;
}

static bool has_passed(int place)
{
    return place == NO_PLACE || places[place].passed;
}

/* A place of many addresses is entered by a jump, and costs each block that begins in it until it was
 * passed: so it is watched from the last place but one before it on. Not from the last, for a block
 * that was translated earlier is not translated again. */
static bool is_near(const struct place *place)
{
    return !place->passed && (has_passed(place->after) || has_passed(places[place->after].after));
}

/* A place of one address is watched for ever: a reset may come, and the translation stays. */
static void look_for(int number, struct qemu_plugin_tb *tb, size_t n, uint64_t first, uint64_t last)
{
    const struct place *place = &places[number];
    uint64_t lo = place->lo + moved(place), hi = place->hi + moved(place);
    size_t most = is_one_address(place) ? n : 1;

    /* Most blocks have no place in them: this is all that these cost. */
    if (last < lo || first > hi || !is_known(place))
        return;
    if (!is_one_address(place) && !is_near(place))
        return;
    for (size_t i = 0; i < most; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (address >= lo && address <= hi && !((address - lo) & place->mask))
            watch(insn, number, address, n - i);
    }
}

static uint64_t address_of(struct qemu_plugin_tb *tb, size_t index)
{
    return qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, index));
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t first = address_of(tb, 0), last = address_of(tb, n - 1);

    (void)id;
    if (counts)
        count_block(tb, n);
    find_slide(first);
    for (int place = 0; place < n_places; place++)
        look_for(place, tb, n, first, last);
}

/* --- how it begins ------------------------------------------------------------------------ */

static bool add_place(const char *text)
{
    struct place *place = &places[n_places];

    errno = EINVAL;
    if (n_places == MOST_PLACES)
        return false;
    n_places++;
    return sscanf(text, "%" SCNx64 ":%" SCNx64 ":%" SCNx64 ":%u:%d", &place->lo, &place->hi,
                  &place->mask, &place->slid, &place->after) == 5 &&
           place->after < n_places;
}

static bool connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof(address.sun_path))
        return false;
    strcpy(address.sun_path, path);
    out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return out >= 0 && !connect(out, (struct sockaddr *)&address, sizeof(address));
}

static bool count_on(const char *value)
{
    counts = make_counter();
    return counts && !strcmp(value, "on");
}

static bool set_anchor(const char *value)
{
    has_anchor = sscanf(value, "%" SCNx64, &anchor) == 1;
    return has_anchor;
}

static bool end_well(const char *value)
{
    _exit(strcmp(value, "on") != 0);
}

static const struct {
    const char *name;
    bool (*take)(const char *value);
} arguments[] = {
    {"socket=", connect_to}, {"count=", count_on},  {"anchor=", set_anchor},
    {"place=", add_place},   {"check=", end_well},
};

static bool take(const char *argument)
{
    for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
        size_t length = strlen(arguments[i].name);

        if (!strncmp(argument, arguments[i].name, length))
            return arguments[i].take(argument + length);
    }
    errno = EINVAL;
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!take(argv[i])) {
            fprintf(stderr, "qbt plugin: %s: %s\n", argv[i], strerror(errno));
            return -1;
        }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
