"""What physics demands of every layer, whatever its weights."""

from tests.physics.invariants import ChargeInvariants, Invariants, NeighbourInvariants
from tests.physics.packed import scalars
from tests.physics.samples import CUTOFF, ELEMENTS, random

from densnet.config import Network
from densnet.models.charges import ChargeFlow
from densnet.models.layers import (
    Convolution,
    ElementConvolution,
    Interaction,
    ShellLinear,
    SphereProduct,
    Trunk,
    geometry,
)
from densnet.models.mixing import PairMix, SelfMix
from densnet.models.phisnet import InteractionModule, PhiSNet, Residual, SphericalLinear, Swish
from densnet.models.radial import ExponentialBernstein
from densnet.models.repulsion import REACH, ScreenedRepulsion
from densnet.models.spherical import Harmonics

CHANNELS, MAX_L, RADIAL = 4, 2, 5
HARMONICS, BASIS = Harmonics(MAX_L), ExponentialBernstein(RADIAL, CUTOFF).requires_grad_(False)
EMBEDDING = random(len(ELEMENTS), CHANNELS, seed=4)
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


class OfElements(OfNeighbours):
    """A layer that is given the embedding of the elements, harmonics and radial functions."""

    def apply(self, module, graph, features):
        return super().apply(module, graph, EMBEDDING.to(features.dtype))


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


class TestSphereProductToScalars(TestSphereProduct):
    def make(self):
        return SphereProduct(MAX_L, 0)


class TestConvolution(OfNeighbours):
    carried_l = MAX_L

    def make(self):
        return Convolution(CHANNELS, MAX_L, RADIAL, 8, self.carried_l)


class TestConvolutionThatCarriesLess(TestConvolution):
    carried_l = 1


class TestElementConvolution(OfElements):
    def make(self):
        return ElementConvolution(CHANNELS, MAX_L, RADIAL, 8)


class TestInteraction(OfNeighbours):
    def make(self):
        return Interaction(CHANNELS, MAX_L, NETWORK, len(ELEMENTS), first=False, out_l=MAX_L)


class TestInteractionToScalars(OfNeighbours):
    def make(self):
        return Interaction(CHANNELS, MAX_L, NETWORK, len(ELEMENTS), first=False, out_l=0)


class TestFirstInteraction(OfElements):
    def make(self):
        return Interaction(CHANNELS, MAX_L, NETWORK, len(ELEMENTS), first=True, out_l=MAX_L)


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
    kind, irreps = Trunk, NETWORK.irreps
    embedded, scalar_output = False, False

    def make(self):
        network = NETWORK.model_copy(update={"irreps": self.irreps})
        return self.kind(network, len(ELEMENTS), not self.embedded, self.scalar_output)

    def apply(self, module, graph, features):
        given = EMBEDDING.to(features.dtype) if self.embedded else features
        return {"features": module(given, graph, geometry(graph, HARMONICS, features.dtype))}


class TestTrunkOfElements(TestTrunk):
    embedded = True


class TestTrunkToScalars(TestTrunk):
    scalar_output = True


class TestPhiSNet(TestTrunk):
    kind, irreps = PhiSNet, f"{CHANNELS}x0e+{CHANNELS}x1o+{CHANNELS}x2e"


class TestPhiSNetOfElements(TestPhiSNet):
    embedded = True


class TestPhiSNetToScalars(TestPhiSNet):
    scalar_output = True


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
