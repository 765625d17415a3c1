"""moto's server, answering one request after the other: ``python s3_server.py PORT``.

Where an object is written on the condition that there is none, moto looks first and writes later;
on S3 that is one step, which two machines that want the same lease count on.
"""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

if __name__ == "__main__":
    app = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=False)
