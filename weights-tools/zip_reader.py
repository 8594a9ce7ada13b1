"""Zip archives as torch and NumPy write them, read strictly and without copying.

Layout: PKWARE's APPNOTE.TXT. Only what the two writers use is taken: one disk, stored (or, for
NumPy, deflated) entries, sizes in the central directory, zip64 fields where they are needed.
"""
import struct
import zlib

from errors import Refusal, shown

END = struct.Struct("<4s4H2LH")
END64_PLACE = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
MAX_ENTRIES = 100_000
MAX_INFLATED = 4 << 30


class Entry:
    def __init__(self, method, crc, packed, size, place):
        self.method, self.crc, self.packed, self.size, self.place = method, crc, packed, size, place


class Zip:
    """data: the whole file as a memoryview."""

    def __init__(self, data):
        self.data = data
        self.entries = self.read_directory(*self.find_directory())

    def unpack(self, form, at, tag, what):
        if at < 0 or at + form.size > len(self.data):
            raise Refusal(f"is a zip archive cut short: its {what} is missing")
        fields = form.unpack_from(self.data, at)
        if fields[0] != tag:
            raise Refusal(f"is a damaged zip archive: its {what} is not where it should be")
        return fields

    def find_directory(self):
        tail = bytes(self.data[-(END.size + 0xFFFF):])
        at = tail.rfind(b"PK\x05\x06")
        if at < 0:
            raise Refusal("is a zip archive cut short (its end is missing): download it again")
        at += len(self.data) - len(tail)
        _, disk, first_disk, _, count, size, start, _ = self.unpack(
            END, at, b"PK\x05\x06", "end record")
        if 0xFFFF in (disk, first_disk, count) or 0xFFFFFFFF in (size, start):
            place = self.unpack(END64_PLACE, at - END64_PLACE.size, b"PK\x06\x07", "zip64 locator")
            fields = self.unpack(END64, place[2], b"PK\x06\x06", "zip64 end record")
            disk, first_disk, count, size, start = *fields[4:6], *fields[7:10]
        if disk or first_disk or count > MAX_ENTRIES or start + size > at:
            raise Refusal("is a damaged zip archive: its directory does not fit into the file")
        return count, start, start + size

    def read_directory(self, count, at, end):
        entries, packed_total = {}, 0
        for _ in range(count):
            fields = self.unpack(ENTRY, at, b"PK\x01\x02", "directory")
            flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
            name_len, extra_len, comment_len, place = *fields[10:13], fields[16]
            name_at = at + ENTRY.size
            at = name_at + name_len + extra_len + comment_len
            if at > end:
                raise Refusal("is a damaged zip archive: its directory is cut short")
            name = bytes(self.data[name_at:name_at + name_len]).decode("utf-8", "replace")
            extra = bytes(self.data[name_at + name_len:name_at + name_len + extra_len])
            size, packed, place = wide_fields(extra, size, packed, place)
            if name in entries:
                raise Refusal(f"is a damaged zip archive: it has {shown(name)} twice")
            if flags & 1:
                raise Refusal(f"is an encrypted zip archive ({shown(name)})")
            packed_total += packed
            entries[name] = Entry(method, crc, packed, size, place)
        if packed_total > len(self.data):
            raise Refusal("is a damaged zip archive: its entries overlap")
        return entries

    def read(self, name, may_inflate=False):
        """The content of entry `name`, its checksum verified. Stored entries are not copied."""
        entry = self.entries[name]
        fields = self.unpack(LOCAL, entry.place, b"PK\x03\x04", f"entry {shown(name)}")
        start = entry.place + LOCAL.size + fields[9] + fields[10]
        if start + entry.packed > len(self.data):
            raise Refusal(f"is a zip archive cut short: {shown(name)} is not all there")
        raw = self.data[start:start + entry.packed]
        if entry.method == 0 and entry.packed == entry.size:
            content = raw
        elif entry.method == 8 and may_inflate:
            content = inflate(raw, entry.size, name)
        else:
            raise Refusal(f"is a zip archive whose entry {shown(name)} is compressed, which "
                          "torch.save never does: unpack it first")
        if zlib.crc32(content) != entry.crc:
            raise Refusal(f"is damaged: the checksum of {shown(name)} is wrong")
        return content


def wide_fields(extra, size, packed, place):
    """The three numbers, those that did not fit into 32 bits taken from the zip64 extra field."""
    values = [size, packed, place]
    if 0xFFFFFFFF not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4:at + 4 + length]
        at += 4 + length
        if tag != 1:
            continue
        for i in range(3):
            if values[i] == 0xFFFFFFFF and len(field) >= 8:
                values[i], field = struct.unpack_from("<Q", field)[0], field[8:]
    return values


def inflate(raw, size, name):
    """Unpacks at most `size` bytes, so that a small file cannot fill the memory."""
    if size > MAX_INFLATED or size > 1100 * len(raw) + 64:  # deflate reaches 1032 to 1
        raise Refusal(f"has an entry {shown(name)} of an absurd size")
    stream = zlib.decompressobj(-15)
    try:
        content = stream.decompress(raw, size + 1)
    except zlib.error:
        raise Refusal(f"is damaged: {shown(name)} cannot be unpacked") from None
    if len(content) != size:
        raise Refusal(f"is damaged: {shown(name)} has another size than it states")
    return content
