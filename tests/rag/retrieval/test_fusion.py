import pytest

from rag.retrieval.fusion import OTHER, calibration, fused

USE, E5 = calibration(model="use-multilingual-v3"), calibration(model="multilingual-e5-small-q4")


def test_models_have_calibrations_of_their_own():
    assert len({USE, E5, OTHER}) == 3
    assert calibration(model="bge-m3") == OTHER


def test_weighted_sum_of_what_each_leg_reached():
    assert fused(calibration=USE, dense=0.5, keyword=4.0, best=8.0) == pytest.approx(0.5)
    assert fused(calibration=USE, dense=1.0, keyword=0.0, best=8.0) == pytest.approx(0.32)
    assert fused(calibration=E5, dense=0.82, keyword=8.0, best=8.0) == pytest.approx(0.58)


def test_one_leg_alone():
    assert fused(calibration=E5, dense=0.91, keyword=None, best=0.0) == pytest.approx(0.5)
    assert fused(calibration=USE, dense=None, keyword=2.0, best=8.0) == pytest.approx(0.25)


def test_no_words_to_find():
    assert fused(calibration=USE, dense=0.5, keyword=0.0, best=0.0) == pytest.approx(0.16)
