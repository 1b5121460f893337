# SPDX-License-Identifier: Apache-2.0
"""The images that critest asks for by name, made from Debian's busybox and nginx."""
import glob
import os
import shutil
import subprocess

import harness

CACHE = (os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) + "/berth/critest"
NGINX, SHELL = CACHE + "/usr/sbin/nginx", CACHE + "/bin/busybox"
PACKAGES = {"nginx": NGINX, "busybox": SHELL}
STAGING, E2E = "k8s-staging-cri-tools", "e2e-test-images"
NGINX_CONF = """daemon off;
pid /var/run/nginx.pid;
error_log /dev/stderr;
events {{ worker_connections 64; }}
http {{
  access_log /dev/stdout;
  server {{ listen {port}; location / {{ return 200 "Welcome to nginx!\\n"; }} }}
}}
"""
# Busybox has one, but its log does not say who writes it.
HTTPD = "#!/bin/sh\necho 'httpd: listening on port 80'\nexec httpd -f -vv -p 80 -h /www\n"


def push(name, tag, *more):
    harness.Registry.push("--busybox", "--name", name, "--tag", tag, "--env", "PATH=/bin:/usr/bin:/usr/sbin",
                          *([] if "--cmd" in more or "--entrypoint" in more else ["--cmd", '["sleep", "1000"]']), *more)


def root(name):
    """An empty directory for what an image has besides busybox."""
    path = f"{harness.BASE}/images/{name}"
    os.makedirs(path)
    return path


def add_program(target, source, name):
    """A program of this machine, or of an unpacked package, with the libraries that it names."""
    os.makedirs(os.path.dirname(target + name), exist_ok=True)
    shutil.copy(source, target + name)
    listed = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
    for word in listed.split():
        if not word.startswith("/") or os.path.exists(target + word):
            continue
        os.makedirs(os.path.dirname(target + word), exist_ok=True)
        shutil.copy(word, target + word)


def fetch_packages():
    """What is not installed for it: nginx would start a server, busybox takes the static one's place. Why not, or None."""
    os.makedirs(CACHE, exist_ok=True)
    for package, program in PACKAGES.items():
        if os.path.exists(program):
            continue
        done = subprocess.run(["apt-get", "-q", "download", package], cwd=CACHE, capture_output=True, text=True)
        files = glob.glob(f"{CACHE}/{package}_*.deb")
        if not files:
            return f"{package} cannot be fetched from the Debian mirror: {done.stderr.strip()}"
        subprocess.run(["dpkg-deb", "-x", files[0], CACHE], check=True)
    return None


def push_busybox():
    """With another shell: the static busybox's own runs the applets that it has, masked or not."""
    more = root("busybox")
    add_program(more, SHELL, "/bin/sh")
    add_program(more, "/usr/bin/ipcs", "/bin/ipcs")
    harness.write(more + "/bin/pgrep", '#!/bin/sh\nexec pidof "$1"\n')
    os.chmod(more + "/bin/pgrep", 0o755)
    push(f"{E2E}/busybox", "1.29-2", "--rootfs", more, "--cmd", '["sh"]')


def push_web_servers():
    for name, tag, port in ((f"{E2E}/nginx", "1.14-2", 80), (f"{STAGING}/hostnet-nginx-amd64", "latest", 12003)):
        more = root(f"nginx-{port}")
        add_program(more, NGINX, "/usr/sbin/nginx")
        for directory in ("/var/run", "/var/log/nginx", "/var/lib/nginx", "/etc/nginx"):
            os.makedirs(more + directory)
        harness.write(more + "/etc/nginx/nginx.conf", NGINX_CONF.format(port=port))
        harness.write(more + "/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        push(name, tag, "--rootfs", more, "--cmd", '["nginx"]')
    more = root("httpd")
    harness.write(more + "/bin/serve", HTTPD)
    harness.write(more + "/www/index.html", "It works\n")
    os.chmod(more + "/bin/serve", 0o755)
    push(f"{E2E}/httpd", "2.4.39-4", "--rootfs", more, "--cmd", '["/bin/serve"]')


def push_users():
    for name, user in (("uid", "1002"), ("username", "www-data"), ("uid-group", "1003:1004"), ("username-group", "www-data:1004")):
        push(f"{STAGING}/test-image-user-{name}", "latest", "--user", user)
    groups = root("groups")
    harness.write(groups + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndefault:x:1000:1000::/home:/bin/sh\n")
    harness.write(groups + "/etc/group", "root:x:0:\ndefault:x:1000:\nextra:x:50000:default\n")
    push(f"{STAGING}/test-image-predefined-group", "latest", "--rootfs", groups, "--user", "1000")
    setuid = root("setuid")
    shutil.copy(harness.BUILD + "/tests/critest/effective_uid", setuid + "/nnp")
    os.chmod(setuid + "/nnp", 0o4755)
    push(f"{E2E}/nonewprivs", "1.3", "--rootfs", setuid, "--entrypoint", '["/nnp"]')


def push_all():
    push_busybox()
    push_web_servers()
    push_users()
    push("pause", "3.9", "--cmd", '["/bin/sleep", "2147483647"]')
    for number, tag in enumerate(("latest", "1", "2", "3")):
        push(f"{STAGING}/test-image-{tag}", "latest", "--label", f"n={number}")
    for tag in ("test", "all"):
        push(f"{STAGING}/test-image-tag", tag, "--label", f"tag={tag}")
    push(f"{STAGING}/test-image-tags", "1", "--also-tag", "2", "--also-tag", "3", "--label", "tags=1")
