"""The registry on PostgreSQL and S3: a bundle comes back whole, also after a loss, by a backup."""

import uuid
from collections.abc import Iterator

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from quintet_command import backup
from quintet_command.models import promote, register_model, registry_of
from quintet_command.settings import CommandSettings
from quintet_modelkit.publication import read_manifest

from tests.slow import slow


@pytest.fixture
def s3(monkeypatch) -> Iterator[str]:
    """An S3 on loopback; its address and keys reach the registry by the usual variables."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "MLFLOW_S3_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield address
    server.stop()


@pytest.mark.postgres
@slow("starts PostgreSQL, S3 and MLflow")
def test_a_bundle_goes_through_postgresql_and_s3_and_comes_back_whole(
    tmp_path, serving_registry, workshop, s3, postgresql, monkeypatch
):
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="models")
    bundle = workshop.bundle(8)
    database = postgresql.new_database()
    with serving_registry(
        tmp_path / "registry",
        mlflow_backend_url=database,
        mlflow_artifacts="s3://models/quintet",
    ) as server:
        # Clients speak to the registry alone: neither keys nor the S3 library are theirs.
        for name in ("MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        settings = CommandSettings(
            home=workshop.home,
            mlflow_uri=server.uri,
            mlflow_model=f"model-{uuid.uuid4().hex[:12]}",
        )
        number = register_model(settings, bundle.name, {"ndcg_500.five_seeds": 0.3})
        assert promote(settings, number).after.bundle == bundle.name
        registry = registry_of(settings)
        folder = registry.pull(number, tmp_path / "models")
        (tmp_path / "home").mkdir()
        whole = CommandSettings(
            home=tmp_path / "home", mlflow_uri=server.uri, mlflow_backend_url=database
        )
        assert backup.create(whole, tmp_path / "backup.tar.zst").others == ("mlflow",)
        for item in client.list_objects_v2(Bucket="models")["Contents"]:
            client.delete_object(Bucket="models", Key=item["Key"])
        with psycopg.connect(database) as connection:
            connection.execute("TRUNCATE registered_models, runs CASCADE")
        backup.restore(whole, tmp_path / "backup.tar.zst", force=True)
        again = registry_of(settings).pull(number, tmp_path / "again")
        assert read_manifest(again) == read_manifest(bundle)
    assert read_manifest(folder) == read_manifest(bundle)
    stored = client.list_objects_v2(Bucket="models", Prefix="quintet/")["Contents"]
    assert any(item["Key"].endswith("bundle/catalogue/features.npy") for item in stored)
    assert not (server.home / "mlflow" / "artifacts").exists()
    assert not (server.home / "mlflow" / "mlflow.db").exists()
