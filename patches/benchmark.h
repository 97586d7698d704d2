/* SPDX-License-Identifier: (GPL-2.0-or-later OR MIT) */
/*
 * Boot time marks: one byte written to an x86 I/O port says how far a boot got.
 *
 * Whoever runs the virtual machine sees the write (kvm:kvm_pio, isa-debugcon).
 * A machine without a listener ignores it. Ports and values are qboot's:
 * https://github.com/bonzini/qboot/blob/master/benchmark.h
 */
#ifndef BENCHMARK_H
#define BENCHMARK_H

#define LINUX_EXIT_PORT 0xf4
#define FW_EXIT_PORT 0xf5

#define FW_START 1            /* firmware: first code */
#define LINUX_START_FWCFG 2   /* firmware: about to load the kernel (fw_cfg) */
#define LINUX_START_BOOT 3    /* loader: about to jump to the bzImage */
#define LINUX_START_PVHBOOT 4 /* loader: about to jump to the PVH kernel */
#define FW_DO_BOOT 5          /* firmware: about to boot a device */
#define LINUX_START_KERNEL 6  /* Linux: start_kernel() */
#define LINUX_START_USER 7    /* Linux: about to run init */

#ifndef __ASSEMBLER__
/* For 16-, 32- and 64-bit x86 code alike; nobody else has ports to write. */
static inline void boot_time_mark(unsigned char value, unsigned short port)
{
#if defined(__i386__) || defined(__x86_64__)
	__asm__ __volatile__("outb %b0, %w1" : : "a"(value), "Nd"(port));
#else
	(void)value;
	(void)port;
#endif
}
#endif /* !__ASSEMBLER__ */

#endif /* BENCHMARK_H */
