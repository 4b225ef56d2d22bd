"""Published layers."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import LayerVersionNotFound
from workbench.functions.layer_publishing import LayerPublishing
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import NO_CLAIMS, LayerClaims, LayerVersion, layer_name
from workbench.model.settings import Settings
from workbench.store.releases.layer_store import LayerStore


class Layers:
    """Layer versions: made, listed, deleted. Functions name them in their `layers`."""

    def __init__(
        self, *, store: LayerStore, publishing: LayerPublishing, settings: Settings
    ) -> None:
        self._store = store
        self._publishing = publishing
        self._settings = settings

    async def publish(self, name: str, path: Path, claims: LayerClaims = NO_CLAIMS) -> LayerVersion:
        """A folder or a zip as the next version of a layer. See `LayerPublishing.publish`."""
        return await self._publishing.publish(name, path, claims)

    async def newest(self) -> tuple[LayerVersion, ...]:
        """The newest version of every layer, by name."""
        return tuple({each.name: each for each in await self._store.all()}.values())

    async def all(self, name: str) -> tuple[LayerVersion, ...]:
        """Those of a layer, oldest first; none, where there is no such layer."""
        return await self._store.all(layer_name(name))

    async def get(self, asked: LayerVersionId) -> LayerVersion:
        """One version. Raises `LayerVersionNotFound`."""
        ours = self.arn(LayerVersionId(name=asked.name, number=asked.number))
        found = await self._store.find(asked) if self.arn(asked) == ours else None
        if found is None:
            raise LayerVersionNotFound(self.arn(asked))
        return found

    async def delete(self, asked: LayerVersionId) -> bool:
        """What uses it goes on, nothing else can begin to. False: there was none, which is no error.

        Source: DeleteLayerVersion.
        """
        return await self._store.delete(asked)

    def arn(self, asked: LayerVersionId) -> str:
        """Its ARN in this workbench."""
        return asked.arn(region=self._settings.region, account=self._settings.account)
