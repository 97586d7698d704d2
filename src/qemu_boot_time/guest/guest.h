/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs for the guest share: system calls, lines of text, the environment. x86-64, no
 * libc. Each program has a begin(), which gets the stack as the kernel leaves it.
 */

#define NOINLINE __attribute__((noinline))
#define SHARED static __attribute__((unused))

enum {
	SYS_WRITE = 1, SYS_OPEN = 2, SYS_PAUSE = 34, SYS_GETPID = 39, SYS_EXECVE = 59,
	SYS_EXIT = 60, SYS_REBOOT = 169, SYS_IOPERM = 173,
};
enum { LINUX_PORT = 0xf4 };
enum { O_WRONLY = 1, STDOUT = 1 };

SHARED NOINLINE long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static inline void out(unsigned short port, unsigned char value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

/* Give 0, or the errno with which the kernel refused the port. */
SHARED NOINLINE long write_port(unsigned short port, unsigned char value)
{
	long refused = system_call(SYS_IOPERM, port, 1, 1);

	if (refused)
		return -refused;
	out(port, value);
	return system_call(SYS_IOPERM, port, 1, 0);
}

struct line {
	char text[256];
	unsigned long length;
};

SHARED NOINLINE void append(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text) - 1) /* room for the newline */
		line->text[line->length++] = *text++;
}

SHARED NOINLINE void append_number(struct line *line, unsigned long number)
{
	char digits[21];
	char *first = digits + sizeof(digits) - 1;

	*first = 0;
	do
		*--first = '0' + number % 10;
	while (number /= 10);
	append(line, first);
}

/*
 * One write a line, so that no message of the kernel comes between. The kernel opens the console for
 * its first process where it finds the node before it unpacks the initramfs; else we do.
 */
SHARED NOINLINE void print(struct line *line)
{
	long console;

	line->text[line->length++] = '\n';
	if (system_call(SYS_WRITE, STDOUT, (long)line->text, line->length) > 0)
		return;
	console = system_call(SYS_OPEN, (long)"/dev/console", O_WRONLY, 0);
	system_call(SYS_WRITE, console, (long)line->text, line->length);
}

/* Give what follows the whole of prefix in text, or nothing. */
SHARED NOINLINE char *after(const char *prefix, char *text)
{
	while (*prefix)
		if (*prefix++ != *text++)
			return 0;
	return text;
}

SHARED char *lookup(char **environment, const char *name)
{
	char *value = 0;

	for (; *environment && !value; environment++)
		value = after(name, *environment);
	return value;
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
