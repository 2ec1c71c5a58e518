"""What people do on the pages: run, cancel, recover, mistype; and what strangers try through them."""

import unittest

from browser import ENTER, SPACE, TAB
from support import PageTest, figure, setUpModule, tearDownModule  # noqa: F401
from world import until

# When the badge of the run was painted green, by the clock that the server has, too.
WATCH = """
window.stayed = true;
const look = () => {
  const badge = document.querySelector('#live .now .state');
  if (!badge || badge.textContent !== 'success') return;
  watcher.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.painted = Date.now(); }));
};
const watcher = new MutationObserver(look);
watcher.observe(document.body, {subtree: true, childList: true, characterData: true});
"""
STATES = "return [...document.querySelectorAll('#live .tasks tr')].slice(1).map(row => row.querySelector('.state').textContent)"


class Use(PageTest):
    # What a form is refused with is its answer.
    expects = ("workflows/gated/start - Failed to load resource: the server responded with a status of 422",)

    def test_a_run_begun_on_its_workflows_page_turns_green_without_reload(self):
        page, world = self.page, self.world
        page.open("/workflows")
        page.click("gated")
        page.click("Run now…")
        self.assertTrue(page.one("#p-count").get_attribute("inputmode"), "a number is asked for as one")
        self.assertEqual(page.one("#p-day").get_attribute("type"), "date")
        self.assertEqual(page.one("#p-speed").tag_name, "select")
        page.one("#p-gate").send_keys("open-run")
        page.one("#p-count").clear()
        page.one("#p-count").send_keys("7")
        page.click("Run")
        until("the page of the run", lambda: page.path().startswith("/runs/gated-"))
        run = page.path().split("?")[0].removeprefix("/runs/")
        page.js(WATCH)
        until("the gate to be waited for", lambda: page.js(STATES) == ["success", "running", "pending"])
        self.assertIn("waits for gate", page.text("#live .tasks"))
        self.assertEqual(world.run(run)["params"]["count"], 7)
        world.touch("open-run")
        until("green", lambda: page.js("return window.painted"))
        self.assertTrue(page.js("return window.stayed"), "the page was loaded anew")
        self.assertEqual(page.js(STATES), ["success"] * 3)
        red, green, blue = page.js("""
            const probe = getComputedStyle(document.querySelector('#live .now .state')).color;
            return probe.match(/\\d+/g).map(Number)""")
        self.assertTrue(green > red and green > blue, (red, green, blue))

    def test_a_change_of_state_is_soon_on_the_screen(self):
        took = []
        for at in range(3):
            run = self.gated(f"open-soon-{at}")
            self.page.open(f"/runs/{run}")
            self.page.js(WATCH)
            self.world.touch(f"open-soon-{at}")
            painted = until("green", lambda: self.page.js("return window.painted"))
            finished = self.world.run(run)["finished_at"]
            took.append(painted - self.page.js("return Date.parse(arguments[0])", finished))
        figure(f"change of state to pixel: {', '.join(map(str, sorted(took)))} ms")

    def test_a_graph_follows_its_run(self):
        run = self.gated("open-graph")
        self.page.open(f"/runs/{run}/graph")
        self.page.js("window.stayed = true")
        self.world.touch("open-graph")
        until("a graph in which all succeeded", lambda: self.page.text("#drawing .state") == "success")
        self.assertTrue(self.page.js("return window.stayed"))
        self.assertTrue(self.page.all("#drawing svg"))

    def test_a_run_is_cancelled_on_its_page_after_a_question(self):
        run = self.gated("never")
        self.page.open(f"/runs/{run}")
        question = self.page.dialog("Cancel")
        self.assertIn(run, question.text)
        question.dismiss()
        self.assertEqual(self.world.run(run)["status"], "running", "no means no")
        self.page.dialog("Cancel").accept()
        self.world.ended(run, "cancelled")
        until("the page to say so", lambda: "cancelled" in self.page.text("#live .now"))

    def test_a_run_is_cancelled_without_scripts_by_a_page_that_asks(self):
        run = self.gated("never")
        self.page.open(f"/runs/{run}/cancel")
        self.page.one("#reason").send_keys("<script>window.hacked='reason'</script>")
        self.page.click("Cancel the run")
        self.world.ended(run, "cancelled")
        until("the reason as text", lambda: "<script>window.hacked='reason'</script>" in self.page.text())

    def test_a_failed_run_is_recovered_from_a_step(self):
        page, world = self.page, self.world
        run = world.start("breaks")
        world.ended(run, "failed")
        page.open(f"/runs/{run}")
        self.assertIn("it is broken", page.text())
        world.touch("mended")
        page.click("Recover…")
        page.js("document.querySelector('#from').value = 'second'")
        page.click("Recover")
        world.ended(run, "success")
        until("green", lambda: page.text("#live .now .state") == "success")
        self.assertEqual((world.folder / "firsts").read_text(), "once\n", "what lies before is not run again")

    def test_a_notice_that_was_given_up_is_asked_for_again_by_a_button(self):
        page, world = self.page, self.world
        run = world.start("told")
        world.ended(run, "success")
        notice = lambda: world.run(run)["notices"][0]  # noqa: E731
        until("it to be given up", lambda: notice()["state"] == "gave_up")
        page.open(f"/runs/{run}")
        self.assertIn("ORK_SMTP_URL", page.text())
        page.click("Send again")
        until("the page of the run", lambda: "done=resend" in page.path())
        self.assertIn("It is tried again", page.text())
        # `ork dev` tries it, in vain as before.
        until("it to be given up once more", lambda: notice()["state"] == "gave_up" and notice().get("asked_again_at"))
        self.assertGreaterEqual(notice()["attempts"], 2)

    def test_wrong_params_are_said_beside_their_fields(self):
        page = self.page
        page.open("/workflows/gated/start")
        page.one("#p-count").clear()
        page.one("#p-count").send_keys("many")
        page.one("#p-extra").clear()
        page.one("#p-extra").send_keys("{")
        page.click("Run")
        until("what is wrong", lambda: page.all(".wrong"))
        wrong = page.js("""return [...document.querySelectorAll('[aria-invalid=true]')].map(field =>
            [field.name, document.getElementById(field.getAttribute('aria-describedby')).querySelector('.wrong').textContent])""")
        self.assertEqual([name for name, _ in wrong], ["param.gate", "param.count", "param.extra"], wrong)
        self.assertEqual(page.one("#p-count").get_attribute("value"), "many", "what was typed is kept")
        said = dict(wrong)
        self.assertIn("many", said["param.count"])

    def test_a_workflow_is_checked_as_it_is_typed_and_as_a_file(self):
        page = self.page
        page.open("/submit")
        page.one("#text").send_keys("name: typed_here\ntasks: {a: {executor: process, comand: x}}\n")
        until("its fault", lambda: "comand" in page.text("#found"))
        page.one("#file").send_keys(str(self.world.folder / "hostile.yaml"))
        until("that it is right", lambda: "hostile, 2 tasks" in page.text("#found"))
        page.js("const text = document.querySelector('#text'); text.value = arguments[0]; text.dispatchEvent(new Event('input', {bubbles: true}))",
                "name: \"<script>window.hacked='name'</script><img src=x onerror=alert(1)>\"\n")
        until("the fault as text", lambda: "<img src=x" in page.text("#found"))

    def test_what_strangers_wrote_is_shown_as_text(self):
        page, world = self.page, self.world
        run = world.start("hostile")
        world.ended(run, "failed")
        for path, shown in {
            "/": None,
            "/runs": None,
            "/workflows": None,
            "/workflows/hostile": "<script>window.hacked='description'</script>",
            "/workflows/hostile/start": "<script>window.hacked='hint'</script>",
            f"/runs/{run}": "<script>window.hacked='error'</script>",
            f"/runs/{run}/graph": None,
            f"/runs/{run}/gantt": None,
            f"/runs/{run}/tasks/speaks": "</pre><script>alert(1)</script>",
            f"/runs/{run}/tasks/fails": "<script>window.hacked='error'</script>",
            f"/runs/{run}/tasks/speaks/at/0/log": "<script>window.hacked='log'</script>",
            f"/runs/{run}/tasks/speaks/at/0/log?q=%3Cscript": "</pre></div><script>alert('log')</script>",
            f"/runs/{run}/tasks/speaks/at/0/inputs": None,
        }.items():
            with self.subTest(path):
                page.open(path)
                if shown is not None:
                    # Text with its spaces as HTML has them.
                    self.assertIn(shown, page.js("return document.querySelector('main').textContent"))
                strange = page.js("""return [...document.querySelectorAll('script:not([src]), iframe, [onerror], [onload], [srcdoc], main img')]
                    .map(one => one.outerHTML)""")
                self.assertEqual(strange, [])
                self.assertIsNone(page.js("return window.hacked ?? null"))
        self.assertNotIn("\x1b", page.js("return document.documentElement.outerHTML"))


class Keyboard(PageTest):
    """All of it without a mouse."""

    def focused(self):
        return self.page.js("const one = document.activeElement; return one.innerText.trim() || one.name || one.id || one.tagName")

    def tab_to(self, wanted, most=40):
        passed = []
        for _ in range(most):
            self.page.keys(TAB)
            passed.append(self.focused())
            if passed[-1] == wanted:
                self.assertTrue(
                    self.page.js("return getComputedStyle(document.activeElement).outlineStyle !== 'none'"),
                    f"one sees that {wanted} has the focus",
                )
                return passed
        self.fail(f"{wanted} was not reached; passed {passed}")

    def test_the_first_thing_skips_to_the_content(self):
        self.page.open("/runs")
        self.page.keys(TAB)
        self.assertEqual(self.focused(), "Skip to content")
        box = self.page.js("const box = document.activeElement.getBoundingClientRect(); return [box.width, box.height]")
        self.assertGreater(min(box), 20, "it is seen when it has the focus")
        self.page.keys(ENTER)
        self.assertEqual(self.page.js("return document.activeElement.id"), "main")
        self.page.keys(TAB)
        self.assertTrue(self.page.js("return document.activeElement.matches('main *')"))

    def test_a_run_is_begun_paused_and_cancelled_with_keys_alone(self):
        page = self.page
        page.open("/workflows/gated")
        passed = self.tab_to("Run now…")
        self.assertEqual(passed[0], "Skip to content")
        page.keys(ENTER)
        until("the form", lambda: page.path().endswith("/start"))
        self.tab_to("param.gate")
        page.keys("never")
        self.tab_to("Run")
        page.keys(SPACE)
        until("the page of the run", lambda: page.path().startswith("/runs/gated-"))
        run = page.path().split("?")[0].removeprefix("/runs/")
        self.world.ended(run, "running")
        page.open(f"/runs/{run}")
        self.tab_to("Pause")
        page.keys(ENTER)
        self.world.ended(run, "paused")
        until("the button that resumes", lambda: "Resume" in page.text("#live .now"))
        self.tab_to("Cancel")
        page.keys(SPACE)
        page.dialog().accept()
        self.world.ended(run, "cancelled")

    def test_the_order_of_the_keys_is_the_order_of_reading(self):
        run = self.gated("never")
        for path in ("/", f"/runs/{run}", f"/runs/{run}/graph", "/workflows/gated", "/workflows/gated/start"):
            with self.subTest(path):
                self.page.open(path)
                ahead = self.page.js("""
                    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')];
                    return all.filter(one => one.tabIndex > 0).map(one => one.outerHTML)""")
                self.assertEqual(ahead, [], "nothing jumps the queue")
        self.world.ask(f"/api/runs/{run}/cancel", {})

    def test_what_has_the_focus_keeps_it_while_the_page_changes(self):
        run = self.gated("open-focus")
        self.page.open(f"/runs/{run}")
        self.tab_to("gate")
        self.world.touch("open-focus")
        until("green", lambda: self.page.text("#live .now .state") == "success")
        self.assertEqual(self.focused(), "gate")


if __name__ == "__main__":
    unittest.main()
