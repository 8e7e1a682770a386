"""Names the released networks that can be used, and says where they come from and under which licence."""

from __future__ import annotations

from dataclasses import dataclass

from .architectures import Architecture

WEIGHTS_LICENCE = (
    "weights trained on Human3.6M, 3DPW and other data sets for non-commercial research use; "
    "the SMPL body inside falls under the SMPL licence (Max Planck, non-commercial)"
)
_TRANSFORMER_LICENCE = f"{WEIGHTS_LICENCE}; the publisher's code says all rights reserved"
_TRANSFORMER_PUBLISHER = "the HybrIK-Transformer project (github.com/boreshkinai/hybrik-transformer)"
_TRANSFORMER_ADDRESS = "https://storage.googleapis.com/hybrik-transformer/trained_models/"
_HYBRIK_PUBLISHER = "the HybrIK project (github.com/Jeff-sjtu/HybrIK)"
_HYBRIK_ADDRESS = "https://github.com/Jeff-sjtu/HybrIK (model zoo in its README)"


@dataclass(frozen=True)
class CatalogueEntry:
    """A network that users can add: what to download, from whom and under which licence. Nothing here downloads it."""

    name: str
    title: str
    architecture: Architecture
    file_name: str
    address: str
    publisher: str
    licence: str

    @property
    def instruction(self) -> str:
        """What to download, from whom, under which licence, and the command that adds it."""
        return (
            f"download {self.file_name} of {self.publisher} from {self.address} (licence: {self.licence}), "
            f"then run: mocap models add {self.name} {self.command_file}"
        )

    @property
    def command_file(self) -> str:
        """What stands for the file in the command that adds it."""
        return self.file_name.rsplit("/", 1)[-1] if self.file_name.endswith(".pth") else "FILE.pth"


CATALOGUE: dict[str, CatalogueEntry] = {
    entry.name: entry
    for entry in (
        CatalogueEntry(
            "hybrik-transformer",
            "HybrIK-Transformer, HRNet-W48, trained with 3DPW",
            Architecture.HYBRIK_TRANSFORMER_HRNET48,
            "average_model_hrnet_w_pw3d_181_199.pth",
            _TRANSFORMER_ADDRESS + "average_model_hrnet_w_pw3d_181_199.pth",
            _TRANSFORMER_PUBLISHER,
            _TRANSFORMER_LICENCE,
        ),
        CatalogueEntry(
            "hybrik-transformer-resnet34",
            "HybrIK-Transformer, ResNet-34, trained with 3DPW",
            Architecture.HYBRIK_TRANSFORMER_RESNET34,
            "average_model_resnet34_181_199.pth",
            _TRANSFORMER_ADDRESS + "average_model_resnet34_181_199.pth",
            _TRANSFORMER_PUBLISHER,
            _TRANSFORMER_LICENCE,
        ),
        CatalogueEntry(
            "hybrik",
            "HybrIK with camera, HRNet-W48, 29 joints",
            Architecture.HYBRIK_CAMERA_HRNET48,
            "pretrained_models/hybrik_hrnet.pth",
            _HYBRIK_ADDRESS,
            _HYBRIK_PUBLISHER,
            WEIGHTS_LICENCE,
        ),
        CatalogueEntry(
            "hybrik-resnet34",
            "HybrIK with camera, ResNet-34, 29 joints",
            Architecture.HYBRIK_CAMERA_RESNET34,
            "the checkpoint of the ResNet-34 network with a camera",
            _HYBRIK_ADDRESS,
            _HYBRIK_PUBLISHER,
            WEIGHTS_LICENCE,
        ),
        CatalogueEntry(
            "hybrik-24",
            "HybrIK by heat-maps, ResNet-34, 24 joints with leaf rotations",
            Architecture.HYBRIK_DECONVOLUTION_RESNET34,
            "a checkpoint of the ResNet-34 network with 24 joints",
            _HYBRIK_ADDRESS,
            _HYBRIK_PUBLISHER,
            WEIGHTS_LICENCE,
        ),
    )
}
"""Every network by the name that commands and settings use."""
