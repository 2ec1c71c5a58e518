"""Uses the official Python client against STORAGE_EMULATOR_HOST; fails with an assertion."""

import datetime
import io

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

client = storage.Client(project="py", credentials=AnonymousCredentials())


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind:
        return
    raise AssertionError(f"{call} was not refused with {kind}")


bucket = client.create_bucket("python-bucket", location="europe-west1")
refused(exceptions.Conflict, client.create_bucket, "python-bucket")
assert [b.name for b in client.list_buckets()] == ["python-bucket"]
assert client.bucket("nothing-here").exists() is False

# Small, with metadata and conditions.
name = "runs/r 1/ö?#%.json"
blob = bucket.blob(name)
blob.metadata = {"run": "r1"}
blob.upload_from_string("hello", content_type="text/plain", if_generation_match=0, checksum="crc32c")
refused(exceptions.PreconditionFailed, bucket.blob(name).upload_from_string, "again", if_generation_match=0)
assert blob.md5_hash == "XUFAKrxLKna5cZ2REBfFkg==" and blob.crc32c == "mnG7TA=="
read = bucket.get_blob(name)
assert read.generation == blob.generation and read.metadata == {"run": "r1"}
assert read.content_type == "text/plain" and read.size == 5
age = datetime.datetime.now(datetime.timezone.utc) - read.time_created
assert abs(age.total_seconds()) < 60, age
assert read.download_as_bytes(checksum="md5") == b"hello"
assert read.download_as_bytes(start=1, end=3) == b"ell"
assert bucket.blob(name).download_as_text(if_generation_match=read.generation) == "hello"
refused(exceptions.PreconditionFailed, bucket.blob(name).download_as_bytes, if_generation_match=1)
refused(exceptions.NotFound, bucket.blob("nothing").download_as_bytes)

# In chunks, read in chunks, and through files.
data = bytes(range(256)) * 4096
large = bucket.blob("large", chunk_size=256 * 1024)
large.upload_from_file(io.BytesIO(data), size=len(data), checksum="md5")
assert large.size == len(data)
assert large.download_as_bytes() == data
with bucket.blob("stream").open("wb", chunk_size=256 * 1024) as stream:
    stream.write(data + b"tail")
with bucket.blob("stream").open("rb") as stream:
    stream.seek(len(data))
    assert stream.read() == b"tail"

# Metadata.
read.metadata = {"run": "r2", "more": "yes"}
read.cache_control = "no-store"
read.patch(if_metageneration_match=read.metageneration)
assert bucket.get_blob(name).metadata == {"run": "r2", "more": "yes"}
assert bucket.get_blob(name).metageneration == 2
read.content_language = "de"
read.update()
bucket.labels = {"a": "b"}
bucket.patch()
assert client.get_bucket("python-bucket").labels == {"a": "b"}

# Listing.
for number in range(12):
    bucket.blob(f"list/{number % 3}/{number:02}").upload_from_string(b"")
assert len(list(bucket.list_blobs(prefix="list/"))) == 12
assert len(list(bucket.list_blobs(prefix="list/", page_size=5))) == 12
folded = bucket.list_blobs(prefix="list/", delimiter="/")
assert [b.name for b in folded] == [] and folded.prefixes == {"list/0/", "list/1/", "list/2/"}
between = bucket.list_blobs(start_offset="list/1/", end_offset="list/2/", fields="items(name),nextPageToken")
assert [b.name for b in between] == [f"list/1/{n:02}" for n in (1, 4, 7, 10)]
assert [b.name for b in bucket.list_blobs(match_glob="list/*/0[0-2]")] == ["list/0/00", "list/1/01", "list/2/02"]

# Copies.
copy = bucket.copy_blob(large, bucket, "copy", if_generation_match=0)
assert copy.crc32c == large.crc32c
token, done, total = bucket.blob("rewritten").rewrite(copy)
assert token is None and done == total == len(data)
whole = bucket.blob("whole")
whole.compose([bucket.blob("list/0/00"), copy, copy])
assert whole.size == 2 * len(data) and whole.component_count == 3
renamed = bucket.rename_blob(bucket.blob("whole"), "renamed")
assert bucket.get_blob("whole") is None and renamed.exists()

# Deletion.
refused(exceptions.PreconditionFailed, copy.delete, if_generation_match=1)
copy.delete(if_generation_match=copy.generation)
refused(exceptions.NotFound, copy.delete)
doomed = list(bucket.list_blobs(prefix="list/"))
with client.batch():
    for blob in doomed:
        blob.delete()
assert list(bucket.list_blobs(prefix="list/")) == []
refused(exceptions.Conflict, bucket.delete)
bucket.delete(force=True)
refused(exceptions.NotFound, client.get_bucket, "python-bucket")
print("done")
