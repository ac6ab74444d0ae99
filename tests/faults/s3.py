"""A real S3 protocol server on this machine, for tests: a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import pytest


@contextlib.contextmanager
def server(bucket):
    """Serve S3 at 127.0.0.1, with one bucket; this process and its children find it by their environment."""
    for name in ("s3fs", "moto", "flask"):
        pytest.importorskip(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    import s3fs

    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        _wait_for(port, running)
        s3fs.S3FileSystem.clear_instance_cache()  # what there is knows of another server
        s3fs.S3FileSystem().mkdir(bucket)
        yield
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        running.terminate()
        running.wait()


def _wait_for(port, running):
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
