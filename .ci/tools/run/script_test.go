package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const script = "../../run"

// The table of .ci/run is one, and calls only checks that there are.
func TestTableOfTheScript(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<<'STEPS'\n")
	lines, after, ok := strings.Cut(rest, "STEPS\n")
	if !ok || after != "" {
		t.Fatalf("%q stands after the table", after)
	}
	all, err := parse(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	called := make(map[string]bool)
	for _, s := range all {
		if out, err := exec.Command("bash", "-n", "-c", s.command).CombinedOutput(); err != nil {
			t.Errorf("%s is not bash: %s", s.name, out)
		}
		for _, call := range regexp.MustCompile(`(?:^|[;&|] |[A-Z]=\S+ )run ([a-z]+)`).FindAllStringSubmatch(s.command, -1) {
			called[call[1]] = true
			if checks[call[1]] == nil {
				t.Errorf("%s calls %q, which there is not", s.name, call[1])
			}
		}
	}
	for name := range checks {
		if !called[name] {
			t.Errorf("no step calls %s", name)
		}
	}
}

// What is asked of the script wrongly is explained, and nothing is left behind.
func TestScriptRefuses(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"long":          `there is no mode "long"`,
		"quick nothing": `quick has no step "nothing", but format, `,
		"quick mutants": `quick has no step "mutants"`,
	} {
		tmp := t.TempDir()
		cmd := exec.Command(script, strings.Fields(args)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), says) || !strings.Contains(string(out), "usage: .ci/run [quick|full|mutation] [STEP...]") {
			t.Errorf("%s: %v, and it prints\n%s\nwant %q", args, err, out, says)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", args, left, err)
		}
	}
}
