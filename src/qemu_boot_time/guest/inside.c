/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process of a guest that is looked into: it says on both clocks what time it is, leaves
 * a child behind that hands out what the guest knows of its own boot, and becomes the real init.
 *
 * All that is handed out goes to I/O port 0xf6, byte by byte: QEMU's isa-debugcon writes it to a file
 * of the host's. No driver, module, console or disk of the guest is needed.
 *
 *   qbt_inside=initcalls  hand out the kernel's log and trace as they grow (anything else: at the end)
 *   qbt_next=PATH         become this program, with the arguments and environment that came
 */

enum {
	SYS_READ = 0, SYS_CLOSE = 3, SYS_STAT = 4, SYS_NANOSLEEP = 35, SYS_FORK = 57, SYS_CHDIR = 80,
	SYS_MKDIR = 83, SYS_SYMLINK = 88, SYS_SCHED_SETSCHEDULER = 144, SYS_CLOCK_GETTIME = 228,
	SYS_CLOCK_GETRES = 229, SYS_MOUNT = 165, SYS_UMOUNT2 = 166,
};
enum { DATA_PORT = 0xf6, PORTS = DATA_PORT - LINUX_PORT + 1 };
/* protocol.py: the reserved values. */
enum { BEFORE_CLOCK = 250, AFTER_CLOCK = 251, AFTER_LOG = 252, ALL_HANDED_OUT = 253 };
enum { O_RDWR = 2, O_CREAT = 0100, O_NONBLOCK = 04000, EPIPE = 32, MNT_DETACH = 2 };
enum { CLOCK_MONOTONIC = 1 };
enum { SCHED_OTHER = 0, SCHED_IDLE = 5 };
/* The kernel takes ten lines in five seconds from those who write to its log. */
enum { TRIES = 5 };

#define TRACE "/qbt-trace"
#define RUN "/../run" /* the top of what is mounted over our root, too (path_resolution(7)) */
#define UNIT "qbt-inside.service"
/* Of systemd's places for units the one whose being there says of no guest that it runs systemd. */
#define UNITS "systemd/system.control"
#define RESULT "qbt-inside/done"

struct seconds {
	long s;
	long ns;
};

static const struct seconds tick = { 0, 20 * 1000 * 1000 };

struct reading {
	unsigned long ns;
	unsigned long tsc;
};

struct look {
	long log; /* /dev/kmsg */
	long trace; /* trace_pipe; negative: this kernel has none */
	unsigned long unit_bytes;
	int streams;
	char unit[4096];
	char buffer[16384];
};

static struct look look;

static void emit(const char *text, unsigned long length)
{
	unsigned short port = DATA_PORT;

	__asm__ volatile("rep outsb" : "+S"(text), "+c"(length) : "d"(port) : "memory");
}

static void emit_line(struct line *line)
{
	emit(line->text, line->length);
	emit("\n", 1);
}

static void begin_line(struct line *line, const char *text)
{
	line->length = 0;
	append(line, text);
}

static void section(const char *name)
{
	struct line line;

	begin_line(&line, "@");
	append(&line, name);
	emit_line(&line);
}

static unsigned long read_tsc(void)
{
	unsigned int low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (unsigned long)high << 32 | low;
}

/* One moment on the host's clock, at each port write, and on three of the guest's. */
static void stamp(struct reading *reading)
{
	struct seconds now;
	struct line line;

	out(LINUX_PORT, BEFORE_CLOCK);
	reading->tsc = read_tsc();
	system_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&now, 0);
	out(LINUX_PORT, AFTER_CLOCK);
	reading->ns = now.s * 1000000000UL + now.ns;
	begin_line(&line, "<7>qbt-inside: clock ");
	append_number(&line, reading->ns);
	append(&line, "\n");
	system_call(SYS_WRITE, look.log, (long)line.text, line.length);
	out(LINUX_PORT, AFTER_LOG);
}

static void emit_number(unsigned long number)
{
	struct line line;

	begin_line(&line, "");
	append_number(&line, number);
	emit_line(&line);
}

/* Hand out how fine the clock is and its readings, then those of the TSC. */
static void align(void)
{
	struct reading taken[TRIES];
	struct seconds finest;
	int i;

	for (i = 0; i < TRIES; i++)
		stamp(&taken[i]);
	system_call(SYS_CLOCK_GETRES, CLOCK_MONOTONIC, (long)&finest, 0);
	section("clock");
	emit_number(finest.ns);
	for (i = 0; i < TRIES; i++)
		emit_number(taken[i].ns);
	section("tsc");
	for (i = 0; i < TRIES; i++)
		emit_number(taken[i].tsc);
}

/* Records that were overwritten meanwhile are an error, and the next is there. */
static void drain(long file, const char *name)
{
	long length = -EPIPE;
	int named = 0;

	while (length > 0 || length == -EPIPE) {
		length = system_call(SYS_READ, file, (long)look.buffer, sizeof(look.buffer));
		if (length > 0 && !named++)
			section(name);
		if (length > 0)
			emit(look.buffer, length);
	}
}

static void emit_log(void)
{
	drain(look.log, "kmsg");
	if (look.trace >= 0)
		drain(look.trace, "trace");
}

static int emit_file(const char *path)
{
	long file = system_call(SYS_OPEN, (long)path, 0, 0);
	long length;

	if (file < 0)
		return 0;
	while ((length = system_call(SYS_READ, file, (long)look.buffer, sizeof(look.buffer))) > 0)
		emit(look.buffer, length);
	system_call(SYS_CLOSE, file, 0, 0);
	return 1;
}

static void read_unit(void)
{
	long file = system_call(SYS_OPEN, (long)"/qbt-inside.service", 0, 0);
	long length = system_call(SYS_READ, file, (long)look.unit, sizeof(look.unit));

	look.unit_bytes = length > 0 ? length : 0;
	system_call(SYS_CLOSE, file, 0, 0);
}

static void mount_trace(void)
{
	register const char *data __asm__("r8") = 0;
	register long flags __asm__("r10") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_MOUNT), "D"("tracefs"), "S"(TRACE), "d"("tracefs"), "r"(flags), "r"(data)
			 : "rcx", "r11", "memory");
}

/* What is open stays so when its file system is gone from the tree, which is not ours. */
static long open_trace(void)
{
	long file;

	mount_trace();
	file = system_call(SYS_OPEN, (long)(TRACE "/trace_pipe"), O_NONBLOCK, 0);
	system_call(SYS_UMOUNT2, (long)TRACE, MNT_DETACH, 0);
	return file;
}

static unsigned long device_of(const char *path)
{
	unsigned long status[18] = { 0 }; /* struct stat: the device is first */

	return system_call(SYS_STAT, (long)path, (long)status, 0) ? 0 : status[0];
}

static void make_directory(const char *path)
{
	system_call(SYS_MKDIR, (long)path, 0755, 0);
}

/* Make the directory of what a target wants, and the unit one of these. */
static void want_unit(const char *directory)
{
	struct line name;

	make_directory(directory);
	begin_line(&name, directory);
	append(&name, "/" UNIT);
	name.text[name.length] = 0;
	system_call(SYS_SYMLINK, (long)("../" UNIT), (long)name.text, 0);
}

/* Put the unit where systemd will look; 0: /run is not there yet. */
static int place_unit(void)
{
	long file;

	if (!device_of(RUN) || device_of(RUN) == device_of("/"))
		return 0;
	system_call(SYS_CHDIR, (long)RUN, 0, 0);
	make_directory("qbt-inside");
	make_directory("systemd");
	make_directory(UNITS);
	file = system_call(SYS_OPEN, (long)(UNITS "/" UNIT), O_WRONLY | O_CREAT, 0644);
	system_call(SYS_WRITE, file, (long)look.unit, look.unit_bytes);
	system_call(SYS_CLOSE, file, 0, 0);
	/* A boot may be told another target than the default, and the default may be another. */
	want_unit(UNITS "/multi-user.target.wants");
	want_unit(UNITS "/default.target.wants");
	return 1;
}

static void schedule(int policy)
{
	int priority = 0;

	system_call(SYS_SCHED_SETSCHEDULER, 0, policy, (long)&priority);
}

static void wait(void)
{
	if (look.streams)
		emit_log();
	system_call(SYS_NANOSLEEP, (long)&tick, 0, 0);
}

/* Wait until the unit has left its result in /run, which moves to the real root with us in it. */
static __attribute__((noreturn)) void watch(char *own_name)
{
	own_name[0] = '@'; /* systemd's sign for what it shall not end with the initrd */
	while (!place_unit())
		wait();
	schedule(SCHED_IDLE);
	while (!emit_file(RESULT))
		wait();
	schedule(SCHED_OTHER);
	align();
	emit_log();
	section("end");
	out(LINUX_PORT, ALL_HANDED_OUT);
	for (;;)
		system_call(SYS_EXIT, 0, 0, 0);
}

static void prepare(char **environment)
{
	char *how = lookup(environment, "qbt_inside=");
	char *rest = how ? after("initcalls", how) : 0;

	look.streams = rest && !*rest;
	look.trace = look.streams ? open_trace() : -1;
	look.log = system_call(SYS_OPEN, (long)"/qbt-kmsg", O_RDWR | O_NONBLOCK, 0);
	read_unit();
}

static void complain(const char *trouble, long error)
{
	struct line line;

	begin_line(&line, "qbt-inside: ");
	append(&line, trouble);
	if (error) {
		append(&line, ": error ");
		append_number(&line, -error);
	}
	print(&line);
}

__attribute__((used, noreturn)) void begin(long *stack)
{
	char **arguments = (char **)stack + 1;
	char **environment = arguments + *stack + 1;
	char *program = lookup(environment, "qbt_next=");
	long refused;

	if (system_call(SYS_GETPID, 0, 0, 0) != 1) {
		complain("not process 1, so nothing is done", 0);
		for (;;)
			system_call(SYS_EXIT, 1, 0, 0);
	}
	refused = system_call(SYS_IOPERM, LINUX_PORT, PORTS, 1);
	if (refused) {
		complain("ports 0xf4 to 0xf6 refused (lockdown?)", refused);
	} else {
		prepare(environment);
		align();
		if (look.streams) {
			emit_log();
			/* A guest that leaves soon is not seen again, and may not know its TSC's rate. */
			align();
		}
		if (!system_call(SYS_FORK, 0, 0, 0))
			watch(arguments[0]);
		system_call(SYS_CLOSE, look.log, 0, 0);
		system_call(SYS_CLOSE, look.trace, 0, 0);
		system_call(SYS_IOPERM, LINUX_PORT, PORTS, 0);
	}
	program = program ? program : "/init";
	arguments[0] = program;
	refused = system_call(SYS_EXECVE, (long)program, (long)arguments, (long)environment);
	complain(program, refused);
	for (;;)
		system_call(SYS_EXIT, 1, 0, 0);
}
