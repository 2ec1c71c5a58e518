"""Archives that are the same, byte by byte, whoever makes them of the same files; and their checksums."""

import gzip
import hashlib
import io
import os
import tarfile

from project import Trouble


def tar_gz(where, folder, entries, epoch):
    """Writes `where`, with the entries (name, bytes or path of a file, whether it is a program) below `folder`, sorted, owned by nobody, at one instant."""
    names = [name for name, _, _ in entries]
    if len(set(names)) != len(names):
        raise Trouble(f"{where}: two entries have one name: {sorted(names)}")
    with open(where, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, content, is_program in sorted(entries, key=lambda entry: entry[0]):
                info = tarfile.TarInfo(f"{folder}/{name}")
                info.mtime, info.mode = epoch, 0o755 if is_program else 0o644
                if isinstance(content, bytes):
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                else:
                    info.size = os.path.getsize(content)
                    with open(content, "rb") as file:
                        archive.addfile(info, file)


def checksums(folder):
    """Writes SHA256SUMS for everything in a folder, as `sha256sum -c` reads it."""
    lines = []
    for name in sorted(os.listdir(folder)):
        if name == "SHA256SUMS":
            continue
        digest = hashlib.sha256()
        with open(os.path.join(folder, name), "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        lines.append(f"{digest.hexdigest()}  {name}\n")
    with open(os.path.join(folder, "SHA256SUMS"), "w", encoding="utf-8") as file:
        file.writelines(lines)
