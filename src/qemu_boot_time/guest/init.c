/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process of a measured Linux guest: says that user space is there, then makes room for
 * the real init, or ends the machine. x86-64, no libc.
 *
 * The kernel hands every name=value of its command line that it does not know to its first process
 * as environment:
 *
 *   qbt_mark=7       write this byte (1 to 255) to port 0xf4, where the kernel is not patched to
 *   qbt_init=PATH    then become this program, with the arguments and environment that came
 *   qbt_end=HOW      else end: poweroff (as without it), reboot, debug-exit (port 0x501), halt
 */

#define NOINLINE __attribute__((noinline))

enum {
	SYS_WRITE = 1, SYS_OPEN = 2, SYS_PAUSE = 34, SYS_GETPID = 39, SYS_EXECVE = 59,
	SYS_EXIT = 60, SYS_REBOOT = 169, SYS_IOPERM = 173,
};
enum { LINUX_PORT = 0xf4, DEBUG_EXIT_PORT = 0x501 };
enum { O_WRONLY = 1, STDOUT = 1, LARGEST_MARK = 255 };

#define REBOOT_MAGIC1 0xfee1deadL
#define REBOOT_MAGIC2 0x28121969L

static NOINLINE long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/* Give 0, or the errno with which the kernel refused the port. */
static NOINLINE long write_port(unsigned short port, unsigned char value)
{
	long refused = system_call(SYS_IOPERM, port, 1, 1);

	if (refused)
		return -refused;
	__asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
	return system_call(SYS_IOPERM, port, 1, 0);
}

struct line {
	char text[256];
	unsigned long length;
};

static NOINLINE void append(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text) - 1) /* room for the newline */
		line->text[line->length++] = *text++;
}

static NOINLINE void append_number(struct line *line, unsigned long number)
{
	char digits[] = "000";

	digits[0] += number / 100 % 10;
	digits[1] += number / 10 % 10;
	digits[2] += number % 10;
	append(line, number < 10 ? digits + 2 : number < 100 ? digits + 1 : digits);
}

/*
 * One write a line, so that no message of the kernel comes between. The kernel opens the console for
 * its first process where it finds the node before it unpacks the initramfs; else we do.
 */
static NOINLINE void print(struct line *line)
{
	long console;

	line->text[line->length++] = '\n';
	if (system_call(SYS_WRITE, STDOUT, (long)line->text, line->length) > 0)
		return;
	console = system_call(SYS_OPEN, (long)"/dev/console", O_WRONLY, 0);
	system_call(SYS_WRITE, console, (long)line->text, line->length);
}

/* Give what follows the whole of prefix in text, or nothing. */
static NOINLINE char *after(const char *prefix, char *text)
{
	while (*prefix)
		if (*prefix++ != *text++)
			return 0;
	return text;
}

static char *lookup(char **environment, const char *name)
{
	char *value = 0;

	for (; *environment && !value; environment++)
		value = after(name, *environment);
	return value;
}

/* Give the number, or 0 for what is no number of 1 to LARGEST_MARK. */
static unsigned long parse_mark(const char *text)
{
	unsigned long number = 0;

	for (; *text >= '0' && *text <= '9' && number <= LARGEST_MARK; text++)
		number = number * 10 + (*text - '0');
	return *text || number > LARGEST_MARK ? 0 : number;
}

static void write_mark(struct line *line, const char *text)
{
	unsigned long mark = parse_mark(text);
	long refused;

	if (!mark) {
		append(line, "qbt_mark is no number of 1 to 255, ");
		return;
	}
	refused = write_port(LINUX_PORT, mark);
	append(line, refused ? "port 0xf4 refused (lockdown?): error " : "mark ");
	append_number(line, refused ? (unsigned long)refused : mark);
	append(line, refused ? ", " : " on port 0xf4, ");
}

static const struct end {
	char name[12];
	unsigned int command; /* of reboot(2); 0: none */
} ends[] = {
	{ "poweroff", 0x4321fedc },
	{ "reboot", 0x01234567 },
	{ "halt", 0xcdef0123 },
	{ "debug-exit", 0 },
};

static const struct end *choose_end(char *name)
{
	unsigned long i;
	char *rest;

	for (i = 0; name && i < sizeof(ends) / sizeof(ends[0]); i++) {
		rest = after(ends[i].name, name);
		if (rest && !*rest)
			return &ends[i];
	}
	return ends;
}

static void end_machine(const struct end *end)
{
	if (!end->command)
		write_port(DEBUG_EXIT_PORT, 0);
	system_call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2,
		    end->command ? end->command : ends->command);
	for (;;)
		system_call(SYS_PAUSE, 0, 0, 0);
}

static void become(struct line *line, char **arguments, char **environment, char *program)
{
	long refused;

	arguments[0] = program;
	refused = -system_call(SYS_EXECVE, (long)program, (long)arguments, (long)environment);
	line->length = 0;
	append(line, "qbt-init: ");
	append(line, program);
	append(line, ": error ");
	append_number(line, refused);
	print(line);
}

/* The stack as the kernel leaves it: count, arguments, 0, environment, 0. */
__attribute__((used, noreturn)) void begin(long *stack)
{
	char **arguments = (char **)stack + 1;
	char **environment = arguments + *stack + 1;
	char *mark = lookup(environment, "qbt_mark=");
	char *program = lookup(environment, "qbt_init=");
	const struct end *end = choose_end(lookup(environment, "qbt_end="));
	struct line line;

	line.length = 0;
	append(&line, "qbt-init: ");
	if (system_call(SYS_GETPID, 0, 0, 0) != 1) {
		append(&line, "not process 1, so nothing is done");
		print(&line);
		for (;;)
			system_call(SYS_EXIT, 1, 0, 0);
	}
	if (mark)
		write_mark(&line, mark);
	append(&line, "next: ");
	append(&line, program ? program : end->name);
	print(&line);
	if (program)
		become(&line, arguments, environment, program);
	end_machine(end);
	__builtin_unreachable();
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
