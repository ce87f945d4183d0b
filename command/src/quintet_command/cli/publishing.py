"""How a changed catalogue reaches serving: snapshot and model."""

from quintet_training import datasets

from quintet_command.cli.progress import progress_bar
from quintet_command.cli.terminal import Console
from quintet_command.settings import CommandSettings


def publish(settings: CommandSettings, console: Console, errors: Console) -> None:
    """Publish snapshot and model, and print their versions."""
    # Here, since it imports what trains models: seconds that most commands need not wait for.
    from quintet_training.steps import publish_model

    with progress_bar(errors) as on_progress:
        version = datasets.publish_catalogue(settings, on_progress)
    with progress_bar(errors) as on_progress:
        model = publish_model(settings.home, on_progress)
    console.print(f"catalogue {version}, model {model}", highlight=False)
