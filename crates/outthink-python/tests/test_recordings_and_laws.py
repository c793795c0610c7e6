"""Recordings, laws and the gateway; plain unittest, so that it runs wherever Python is."""

import json
import os
import tempfile
import unittest
import unittest.mock
import urllib.request

import outthink


class Laws(unittest.TestCase):
    def test_estimates(self):
        self.assertAlmostEqual(outthink.maj_at_k([3, 2], 0, 3), 0.7)
        with self.assertRaises(ValueError):
            outthink.pass_at_k(5, 6, 2)

    def test_pretrain_finds_the_constants_of_made_runs(self):
        runs = [(n, d, 1.8 + 480 / n**0.35 + 2000 / d**0.37) for n in (1e8, 1e9, 1e10) for d in (1e9, 1e10, 1e11)]
        fit = outthink.fit_pretrain(*zip(*runs), bootstraps=0)
        self.assertAlmostEqual(fit["alpha"], 0.35, places=3)
        self.assertIsNone(fit["intervals"])
        with self.assertRaisesRegex(ValueError, "between 0 and 1"):
            outthink.fit_pretrain([1.0], [1.0], [1.0], level=95)

    def test_coverage_is_forecast_with_an_interval(self):
        fit = outthink.fit_coverage([100] * 8, [0, 0, 1, 3, 7, 20, 60, 95], [10, 1_000])
        near, far = fit["forecasts"]
        self.assertFalse(near["extrapolated"])
        self.assertTrue(far["extrapolated"])
        self.assertLess(near["coverage"], far["coverage"])
        self.assertLessEqual(far["interval"][0], far["coverage"])


@unittest.skipUnless(hasattr(outthink, "Recording"), "the module was built without recordings")
class Recordings(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "made.jsonl")
        with open(self.path, "w") as file:
            for p in range(20):
                samples = [{"answer": "1" if (s + p) % 3 else "2", "correct": bool((s + p) % 3), "tokens": 10}
                           for s in range(12)]
                file.write(json.dumps({"problem_id": f"p{p}", "samples": samples}) + "\n")

    def test_a_vote_beats_one_sample(self):
        recording = outthink.Recording.load(self.path)
        self.assertEqual(len(recording), 20)
        self.assertEqual(recording.counts()[0][1:], (12, 8))
        single, vote = outthink.replay(recording, ["single", "self-consistency"], samples=11, seeds=5)
        self.assertAlmostEqual(single.samples, 1.0)
        self.assertGreater(vote.accuracy, single.accuracy)
        self.assertEqual(vote.samples, 11.0)

    def test_a_study_is_what_the_commands_print(self):
        recording = outthink.Recording.load(self.path)
        study = outthink.Study.of(recording, recording)
        arm = study.arms[0]
        self.assertEqual((len(study.arms), len(arm), arm.samples, arm.tokens_a_sample), (2, 20, 240, 10.0))
        figures = arm.figures()
        self.assertAlmostEqual(figures["accuracy"]["value"], sum(right for _, _, right in arm.counts()) / 240)
        self.assertEqual(figures["pass_at"][1]["value"], figures["accuracy"]["value"])
        low, high = figures["majority"][8]["interval"]
        self.assertTrue(low <= figures["majority"][8]["value"] <= high)
        self.assertGreater(figures["majority"][8]["value"], figures["accuracy"]["value"])
        self.assertLess(figures["pass_hat"][8]["value"], figures["accuracy"]["value"])
        self.assertEqual((study.difference(0, 1)["value"], study.difference(0, 1)["problems"]), (0.0, 20))
        # Every vote over eight is right: nothing is left to gain.
        self.assertEqual(arm.verdict()["verdict"], "saturated")
        # What is saved keeps all of it.
        path = self.path + ".study.json"
        study.save(path)
        for again in (outthink.Study.load(path), outthink.Study.from_json(study.to_json())):
            self.assertEqual(again.arms[0].figures(), figures)
            self.assertEqual(again.arms[1].verdict(), study.arms[1].verdict())
        with self.assertRaisesRegex(IndexError, "this study has 2"):
            study.difference(0, 2)
        with self.assertRaisesRegex(ValueError, "one recording or more"):
            outthink.Study.of()

    def test_errors_name_the_choices(self):
        recording = outthink.Recording.load(self.path)
        with self.assertRaisesRegex(ValueError, "adaptiv"):
            outthink.replay(recording, ["adaptiv"])
        with self.assertRaisesRegex(ValueError, "unknown verifier"):
            outthink.replay(recording, ["single"], verifier="other")
        with self.assertRaises(OSError):
            outthink.Recording.load(self.path + ".missing")
        self.assertIn("adaptive", outthink.strategies())


class Serving(unittest.TestCase):
    def test_a_missing_command_is_named(self):
        with unittest.mock.patch.dict(os.environ, {"PATH": ""}):
            os.environ.pop("OUTTHINK_BINARY", None)
            with self.assertRaisesRegex(FileNotFoundError, "cargo build"):
                outthink.serve()

    def test_a_wrong_binary_is_named(self):
        with unittest.mock.patch.dict(os.environ, {"OUTTHINK_BINARY": "/nonexistent/outthink"}):
            with self.assertRaisesRegex(FileNotFoundError, "nonexistent"):
                outthink.serve()

    @unittest.skipUnless(os.environ.get("OUTTHINK_BINARY"), "OUTTHINK_BINARY names no command")
    def test_a_gateway_starts_answers_and_stops(self):
        with outthink.serve("--model", "desk") as gateway:
            self.assertIn("running", repr(gateway))
            with urllib.request.urlopen(gateway.url + "/models", timeout=30) as reply:
                self.assertIn("desk", [model["id"] for model in json.load(reply)["data"]])
        self.assertIn("stopped", repr(gateway))


if __name__ == "__main__":
    unittest.main()
