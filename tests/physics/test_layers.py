"""What physics demands of every layer, whatever its weights."""

from tests.physics.invariants import ChargeInvariants, Invariants, NeighbourInvariants
from tests.physics.packed import scalars
from tests.physics.samples import CUTOFF, ELEMENTS

from densnet.config import Network
from densnet.models.charges import ChargeFlow
from densnet.models.layers import Convolution, Interaction, ShellLinear, SphereProduct, Trunk, geometry
from densnet.models.mixing import PairMix, SelfMix
from densnet.models.phisnet import InteractionModule, PhiSNet, Residual, SphericalLinear, Swish, with_l_up_to
from densnet.models.radial import ExponentialBernstein
from densnet.models.repulsion import REACH, ScreenedRepulsion
from densnet.models.spherical import Harmonics

CHANNELS, MAX_L, RADIAL = 4, 2, 5
HARMONICS, BASIS = Harmonics(MAX_L), ExponentialBernstein(RADIAL, CUTOFF).requires_grad_(False)
NETWORK = Network(irreps="4x0e+3x1o+1x2e", layers=2, cutoff=CUTOFF, radial=RADIAL, radial_hidden=8)


class OfFeatures(Invariants):
    """A layer that is given features and nothing else."""

    def apply(self, module, graph, features):
        return {"features": module(features)}


class OfNeighbours(NeighbourInvariants):
    """A layer that is given features, harmonics and radial functions."""

    def apply(self, module, graph, features):
        shared = geometry(graph, HARMONICS, features.dtype)
        return {"features": module(features, graph, shared.harmonics, BASIS(shared.distances))}


class TestShellLinear(OfFeatures):
    def make(self):
        return ShellLinear(CHANNELS, 3, MAX_L)


class TestSphereProduct(OfFeatures):
    inputs = MAX_L, 6

    def make(self):
        return SphereProduct(MAX_L)


class TestSelfMix(OfFeatures):
    def make(self):
        return SelfMix(CHANNELS, MAX_L)


class TestSphericalLinear(OfFeatures):
    def make(self):
        return SphericalLinear(CHANNELS, MAX_L)


class TestSwish(OfFeatures):
    def make(self):
        return Swish(CHANNELS)


class TestResidual(OfFeatures):
    def make(self):
        return Residual(CHANNELS, MAX_L)


class TestConvolution(OfNeighbours):
    equivariant = True

    def make(self):
        return Convolution(CHANNELS, MAX_L, RADIAL, 8, self.equivariant)


class TestConvolutionOfScalars(TestConvolution):
    equivariant = False


class TestInteraction(OfNeighbours):
    equivariant = True

    def make(self):
        return Interaction(CHANNELS, MAX_L, NETWORK, len(ELEMENTS), self.equivariant)


class TestInteractionOfScalars(TestInteraction):
    equivariant = False


class TestPairMix(OfNeighbours):
    inputs = 1, CHANNELS

    def make(self):
        return PairMix(CHANNELS, RADIAL, 1, MAX_L)


class TestInteractionModule(OfNeighbours):
    inputs = 1, CHANNELS

    def make(self):
        return InteractionModule(CHANNELS, RADIAL, 1, MAX_L)

    def apply(self, module, graph, features):
        on, result = super().apply(module, graph, features)["features"]
        return {"on": on, "result": result}


class TestTrunk(NeighbourInvariants):
    def make(self):
        return Trunk(NETWORK, len(ELEMENTS), equivariant_input=self.inputs[0] > 0)

    def apply(self, module, graph, features):
        return {"features": module(with_l_up_to(features, MAX_L), graph, geometry(graph, HARMONICS, features.dtype))}


class TestTrunkOfScalars(TestTrunk):
    inputs = 0, CHANNELS


class TestPhiSNet(TestTrunk):
    def make(self):
        irreps = f"{CHANNELS}x0e+{CHANNELS}x1o+{CHANNELS}x2e"
        settings = NETWORK.model_copy(update={"trunk": "phisnet", "irreps": irreps})
        return PhiSNet(settings, len(ELEMENTS), equivariant_input=self.inputs[0] > 0)


class TestPhiSNetOfScalars(TestPhiSNet):
    inputs = 0, CHANNELS


class TestChargeFlow(NeighbourInvariants, ChargeInvariants):
    inputs, rounding = (0, 6), 1e-5

    def make(self):
        return ChargeFlow(6, RADIAL)

    def apply(self, module, graph, features):
        return {"electrons": scalars(self.electrons(module, graph, features))}

    def electrons(self, module, graph, features):
        return module(features[0], BASIS(geometry(graph, HARMONICS, features.dtype).distances), graph)


class TestScreenedRepulsion(NeighbourInvariants):
    reach = REACH * (0.76 + 0.31)

    def make(self):
        return ScreenedRepulsion(ELEMENTS)

    def apply(self, module, graph, features):
        return {"energy": scalars(module(graph, geometry(graph, HARMONICS, features.dtype).distances))}
