"""What users of the opengradient SDK do with `opg`: their model's owner opens it, they pay in and take out."""

from opg.chain.deploying import OPG
from scripts.stage import DIGITS
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_story import good


def test_version_is_opened_to_the_sdk(cli: Cli, stage):
    options = [str(DIGITS), "--version-id", "1", "--operator"]
    for operator in (stage.person(), stage.person()):
        assert "digits.onnx means version 1" in good(
            cli("model", "open", *options, operator.address, key=stage.owner.account)
        )
        assert stage.chain.read("OpenGradientFacade", "operatorsOf", 1) == [operator.address]
    ((name, integer, low, high, shape),) = stage.chain.read("OpenGradientFacade", "inputsOf", 1)
    assert (name, integer, low, high, shape) == ("image", False, 0, 0, [1, 64])


def test_escrow_is_filled_and_emptied(cli: Cli, stage, user):
    out = good(cli("escrow", "deposit", "5", "--max-fee", "0.5", key=user.account))
    assert "5 OPG" in out
    assert stage.chain.deployment.address("OpenGradientFacade") in out
    assert "5 OPG, at most 0.5 OPG for an answer" in good(cli("escrow", "status", user.address))
    assert "withdrawn: 2 OPG" in good(cli("escrow", "withdraw", "2", key=user.account))
    assert "withdrawn: 3 OPG" in good(cli("escrow", "withdraw", key=user.account))
    assert stage.balance(user.address) == 100 * OPG


def test_user_prefers_a_version_and_an_operator(cli: Cli, stage, user):
    operator = stage.person()
    named = ["digits.onnx", "--version-id", "1", "--operator", operator.address]
    assert f"version 1, answered by {operator.address}" in good(cli("escrow", "prefer", *named, key=user.account))
    preference = ["OpenGradientFacade", "preferenceOf", user.address, "digits.onnx"]
    assert list(stage.chain.read(*preference)) == [1, operator.address]
    code, _, err = cli("escrow", "prefer", "bafy", "--version-id", "1", key=user.account)
    assert code == 1
    assert "OtherModel" in err
    good(cli("escrow", "prefer", "digits.onnx", key=user.account))
    assert list(stage.chain.read(*preference)) == [0, "0x" + "00" * 20]


def test_nobody_takes_out_what_is_not_there(cli: Cli, stage, user):
    code, _, err = cli("escrow", "withdraw", key=user.account)
    assert code == 1
    assert "opg escrow deposit" in err
    good(cli("escrow", "deposit", "1", "--max-fee", "1", key=user.account))
    code, _, err = cli("escrow", "withdraw", "1.5", key=user.account)
    assert code == 1
    assert "NotEnoughEscrow(available=1 OPG, needed=1.5 OPG)" in err
    assert "take out less" in err


def test_refusals_that_others_show_as_hexadecimal_are_explained(cli: Cli, stage):
    unknown = "453151b3" + f"{32:064x}{4:064x}" + b"bafy".hex().ljust(64, "0")
    out = good(cli("explain", "0x" + unknown))
    assert "UnknownModel(modelId=bafy)" in out
    assert "opg model open" in out
    assert "UnknownError" in good(cli("explain", "0xffffffff"))
    code, _, err = cli("explain", "0xzz")
    assert code == 1
    assert "not hexadecimal" in err
