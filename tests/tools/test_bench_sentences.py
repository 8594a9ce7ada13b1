"""bench/sentences.py: which run counts, and the table it prints."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import sentences  # noqa: E402


def row(total_s, seconds=4.0):
    found = {"duration_s": seconds, "crops": 100,
             "stages": {"load_s": 0.5, "video_s": 0.04, "face_s": 0.2, "network_s": 1.0,
                        "decoder_s": 2.0, "total_s": total_s}}
    return {"weights": "bf16", **sentences.row_of(found, 960_000_000, 5.678)}


def test_the_median_run_counts():
    runs = [row(total_s) for total_s in (9.0, 3.0, 4.0)]
    assert sentences.median_run(runs) is runs[2]
    assert sentences.median_run(runs[:2]) is runs[1]
    assert sentences.median_run(runs[:1]) is runs[0]


def test_the_table_divides_by_the_length_of_the_clip():
    head, _, line = sentences.markdown([row(3.4)])
    cells = dict(zip((c.strip() for c in head.split("|")), (c.strip() for c in line.split("|"))))
    assert cells["weights"] == "bf16" and cells["video"] == "4.0 s"
    assert cells["whole without load, s"] == "3.40" and cells["real-time factor"] == "0.85"
    assert cells["of it encoder"] == "0.25" and cells["of it search"] == "0.50"
    assert cells["peak RSS, MB"] == "960" and cells["CPU, s"] == "5.7"
