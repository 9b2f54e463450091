/* SPDX-License-Identifier: MIT */
/*
 * CRC-64/Jones as RDB uses it (reflected, initial value 0, no final xor), through ISA-L.
 * crc64(0, "123456789", 9) == 0xe9c6d914c4b8d9ca. Chain by passing the previous result.
 */
#ifndef BASE_CRC64_H
#define BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64(uint64_t crc, const void *bytes, size_t len);

#endif
