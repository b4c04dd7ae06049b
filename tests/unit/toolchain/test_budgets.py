"""What everything may cost. The figures are those of tests/gas.json, which the gas tests hold to what is measured."""

import pytest

from scripts.gas_table import ROWS, TX_GAS_CAP, Row, main, measured


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.unit)
def test_every_unit_is_under_its_bound(row: Row):
    assert row.gas(measured()) <= row.bound


def test_no_transaction_is_above_the_cap():
    """EIP-7825."""
    assert max(measured().values()) <= TX_GAS_CAP


def test_a_unit_is_the_sum_of_its_transactions_a_piece():
    assert Row("", ("a", "b"), 0, "", 10).gas({"a": 95, "b": 6, "c": 1}) == 11


def test_the_table_names_the_peers(capsys):
    assert main() == 0
    shown = capsys.readouterr().out
    assert all(row.peer.split()[0] in shown for row in ROWS)


def test_a_unit_above_its_bound_is_a_failure(monkeypatch):
    row = ROWS[0]
    monkeypatch.setattr("scripts.gas_table.ROWS", (Row(row.unit, row.names, row.gas(measured()) - 1, row.peer),))
    assert main() == 1
