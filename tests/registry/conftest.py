import boto3
import pytest

from tests.hardship import small_package


@pytest.fixture(scope="session")
def package():
    """A real package of a few kilobytes that may be published."""
    return small_package()


@pytest.fixture(scope="module")
def bucket():
    """The URL of a bucket on an S3 server of this process, which the environment leads to."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "ann", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (keys | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
            environment.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="models")
        yield "s3://models"
    server.stop()
