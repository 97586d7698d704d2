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

enum { DEBUG_EXIT_PORT = 0x501, LARGEST_MARK = 255 };

#define REBOOT_MAGIC1 0xfee1deadL
#define REBOOT_MAGIC2 0x28121969L

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
