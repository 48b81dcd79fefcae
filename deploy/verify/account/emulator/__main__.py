"""The AWS account: moto, with what it lacks, as a server on a free port of this machine.

It prints its port as soon as it answers. Beside AWS's APIs it has paths for what happens
in an account without anybody calling an API:

    /played/boot        every instance that has come up runs its user data
    /played/push        a manifest is pushed to the registry
    /played/inventory   all that there is in the account, as lines

It ends when its standard input does, so that it never outlives who started it.
"""

import json
import os
import sys
import threading
import traceback

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from . import images, instances, inventory
from . import mended, types_lacking  # noqa: F401  they change moto as they are imported

PLAYED = {
    "/played/boot": lambda given: instances.boot(),
    "/played/push": images.push,
    "/played/inventory": lambda given: inventory.lines(given["region"]),
}


class Quiet(WSGIRequestHandler):
    """Does not log requests: whoever made them does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *args, **kwargs):
        pass


def with_played(aws):
    def app(environ, start_response):
        play = PLAYED.get(environ["PATH_INFO"])
        if play is None:
            return aws(environ, start_response)
        try:
            given = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            status, body = "200 OK", json.dumps(play(given)).encode()
        except Exception:  # whoever asked is told, whatever it is
            status, body = "500 Internal Server Error", traceback.format_exc().encode()
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return app


def main():
    app = with_played(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
