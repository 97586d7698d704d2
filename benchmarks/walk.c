// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The least that any reader of perf.data must do, as fast as a compiler makes it: step from header
 * to header, and compare the id of each sample with those that are wanted.
 *
 *     walk FILE ID...        prints records, samples, wanted samples
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_header {
	char magic[8];
	uint64_t size, attr_size;
	uint64_t attrs_offset, attrs_size, data_offset, data_size;
};

struct record {
	uint32_t type;
	uint16_t misc, size;
	uint64_t id;
};

enum { SAMPLE = 9, MOST_IDS = 1024 };

int main(int argc, char **argv)
{
	struct stat st;
	int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	if (fd < 0 || fstat(fd, &st) || argc > MOST_IDS)
		return 2;
	const char *file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	const struct file_header *header = (const void *)file;
	if (file == MAP_FAILED || memcmp(header->magic, "PERFILE2", 8))
		return 3;

	static uint64_t ids[MOST_IDS];
	for (int i = 2; i < argc; i++)
		ids[i - 2] = strtoull(argv[i], NULL, 10);

	uint64_t records = 0, samples = 0, wanted = 0;
	const char *end = file + header->data_offset + header->data_size;
	for (const char *at = file + header->data_offset; at + 8 <= end; records++) {
		const struct record *record = (const void *)at;
		if (record->size < 8)
			return 3;
		if (record->type == SAMPLE) {
			samples++;
			for (int i = 0; i < argc - 2; i++)
				wanted += ids[i] == record->id;
		}
		at += record->size;
	}
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", records, samples, wanted);
	return 0;
}
