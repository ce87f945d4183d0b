"""The model registry: versions, aliases and bundles, stored by an MLflow server.

The only package that uses MLflow. It needs the extra `registry`. MLflow itself is imported by the
first call: importing it takes two seconds, and most commands never call the registry.
"""

from quintet_modelkit.registry.bundle_files import forget_old as forget_old
from quintet_modelkit.registry.errors import RegistryError as RegistryError
from quintet_modelkit.registry.errors import RegistryInvalid as RegistryInvalid
from quintet_modelkit.registry.errors import RegistryUnavailable as RegistryUnavailable
from quintet_modelkit.registry.records import CHALLENGER as CHALLENGER
from quintet_modelkit.registry.records import CHAMPION as CHAMPION
from quintet_modelkit.registry.records import DATA as DATA
from quintet_modelkit.registry.records import ModelComparison as ModelComparison
from quintet_modelkit.registry.records import ModelRecord as ModelRecord
from quintet_modelkit.registry.records import Move as Move
from quintet_modelkit.registry.records import compare as compare
from quintet_modelkit.registry.records import metric_name as metric_name
from quintet_modelkit.registry.writer import Registry as Registry
