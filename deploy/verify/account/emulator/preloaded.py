"""The AWS CLI, imported once: `python3 -m emulator.preloaded SOCKET`.

A process that is forked for each command has all modules and API models already, which the
CLI otherwise spends most of its time on. `aws` is then a few lines that hand their
arguments, environment and open files over (see client). It ends with its standard input.
"""

import json
import os
import select
import signal
import socket
import sys

SERVICES = [
    "autoscaling", "cloudformation", "cloudwatch", "ec2", "ecr", "ecs", "elbv2", "iam", "logs", "servicediscovery", "sts",
]  # fmt: skip

CLIENT = """#!{python} -IS
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
given = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [given[:1]], [0, 1, 2])
s.sendall(given[1:])
s.shutdown(socket.SHUT_WR)
sys.exit(int(s.recv(9) or 255))
"""


def answer(connection, driver):
    """Runs one command, in a process of its own."""
    given, files, _, _ = socket.recv_fds(connection, 1, 3)
    while more := connection.recv(1 << 16):
        given += more
    arguments, folder, environment = json.loads(given)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        code = driver.main(arguments)
    except SystemExit as e:
        code = e.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())
    os._exit(0)


def main(path):
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    for service in SERVICES:
        driver.session.get_service_model(service)
        driver.session.get_component("data_loader").load_service_model(service, "endpoint-rule-set-1")
    driver.session.get_component("endpoint_resolver")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print(json.dumps(CLIENT.format(python=sys.executable, path=path)), flush=True)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            answer(connection, driver)
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
