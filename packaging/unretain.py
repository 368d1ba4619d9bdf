"""Lets the linker drop unused code of Swift's static libraries: clears the flag SHF_GNU_RETAIN of their code and data.

Arguments: an archive, the archive to write.

Swift emits its public functions as "used", so the linker keeps each of them and what it calls, although a static
executable cannot look up a function by name. Type and conformance records, in sections of other names, stay retained: the
runtime looks them up, and they keep what they refer to.

https://sourceware.org/binutils/docs/as/Section.html (R), https://man7.org/linux/man-pages/man5/elf.5.html
"""

import struct
import sys

SHF_GNU_RETAIN = 0x200000
# 64 bits, little-endian.
ELF = b"\x7fELF\x02\x01"
SECTIONS = (b".text", b".rodata", b".data", b".bss")


def main():
    source, result = sys.argv[1:]
    with open(source, "rb") as file:
        archive = bytearray(file.read())
    for start in members(archive):
        unretain(archive, start)
    with open(result, "wb") as file:
        file.write(archive)


def members(archive):
    """Returns the offset of each member that is an object file."""
    if archive[:8] != b"!<arch>\n":
        sys.exit(f"{sys.argv[1]} is not an archive")
    offset = 8
    while offset < len(archive):
        # A header of 60 bytes, whose bytes 48 to 57 are the size; members start at even offsets.
        size = int(archive[offset + 48 : offset + 58])
        if archive.startswith(ELF, offset + 60):
            yield offset + 60
        offset += 60 + size + size % 2


def unretain(archive, start):
    """Clears the flag in the object file at an offset."""
    (table,) = struct.unpack_from("<Q", archive, start + 40)
    size, count, names = struct.unpack_from("<HHH", archive, start + 58)
    table += start
    # Numbers beyond 16 bits are in the first section's header.
    if count == 0:
        (count,) = struct.unpack_from("<Q", archive, table + 32)
    if names == 0xFFFF:
        (names,) = struct.unpack_from("<I", archive, table + 40)
    (strings,) = struct.unpack_from("<Q", archive, table + names * size + 24)
    for header in range(table, table + count * size, size):
        name, _, flags = struct.unpack_from("<IIQ", archive, header)
        if flags & SHF_GNU_RETAIN and archive.startswith(SECTIONS, start + strings + name):
            struct.pack_into("<Q", archive, header + 8, flags & ~SHF_GNU_RETAIN)


if __name__ == "__main__":
    main()
