package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A trial is the container with what it talks to.
type trial struct {
	work, root string
	nspawn     *exec.Cmd
	init       int // the process id of the container's systemd, as seen from here
	sandbox    *exec.Cmd
	hubspot    string // addresses of the sandbox
	thnks      string

	measured []string
}

// The files of the installed package, as seen from here.
func (t *trial) etc(elem ...string) string {
	return filepath.Join(append([]string{t.root, "etc", name}, elem...)...)
}

const hookSecret = "whsec_Ym9vdC1ib290LWJvb3QtYm9vdC1ib290LWJvb3Q="

// startSandbox starts the emulators of both vendors, which send webhooks all the time.
func (t *trial) startSandbox() error {
	secret := filepath.Join(t.work, "hook")
	if err := os.WriteFile(secret, []byte(hookSecret), 0o600); err != nil {
		return err
	}
	program := filepath.Join(t.work, "sandbox")
	build := exec.Command("go", "build", "-o", program, "./cmd/sandbox")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the sandbox: %w\n%s", err, out)
	}
	t.sandbox = exec.Command(program, "--transactions=300", "--tick=2s", "--webhook=http://127.0.0.1:8080/webhooks/sandbox/gift-events", "--webhook-secret-file="+secret)
	out, err := t.sandbox.StdoutPipe()
	if err != nil {
		return err
	}
	if err := t.sandbox.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the sandbox did not start: %w", err)
	}
	var at struct{ HubSpot, Thnks string }
	if err := json.Unmarshal(line, &at); err != nil {
		return err
	}
	t.hubspot, t.thnks = at.HubSpot, at.Thnks
	return nil
}

// boot boots the container and waits until systemd has done all that it does then.
func (t *trial) boot() error {
	log, err := os.OpenFile(filepath.Join(t.work, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	t.nspawn = exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", "--directory="+t.root, "--boot")
	t.nspawn.Stdout, t.nspawn.Stderr = log, log
	if err := t.nspawn.Start(); err != nil {
		return err
	}
	return until(2*time.Minute, "the container has booted", func() error {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", t.nspawn.Process.Pid))
		if err != nil {
			return err
		}
		pids := strings.Fields(string(children))
		if len(pids) == 0 {
			return errors.New("it has no process")
		}
		if t.init, err = strconv.Atoi(pids[0]); err != nil {
			return err
		}
		state, err := t.run("systemctl", "is-system-running")
		if s := strings.TrimSpace(state); s == "running" || s == "degraded" {
			return nil
		}
		return fmt.Errorf("it is %s: %w", strings.TrimSpace(state), err)
	})
}

// shutDown ends the container as an admin does.
func (t *trial) shutDown() error {
	if _, err := t.run("systemctl", "poweroff"); err != nil {
		return err
	}
	err := t.nspawn.Wait()
	t.nspawn = nil
	return err
}

// halt ends it in any case.
func (t *trial) halt() {
	if t.nspawn != nil {
		_ = t.nspawn.Process.Kill()
		_ = t.nspawn.Wait()
	}
}

// run runs a command in the container and returns what it printed.
func (t *trial) run(args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(t.init), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%q: %w\n%s", args, err, out)
	}
	return string(out), nil
}

// program runs the program as the service's user.
func (t *trial) program(args ...string) (string, error) {
	return t.run(append([]string{"runuser", "-u", name, "--", name}, args...)...)
}

// property returns a property of the service, as systemd tells it.
func (t *trial) property(of string) (string, error) {
	out, err := t.run("systemctl", "show", "--value", "--property="+of, name)
	return strings.TrimSpace(out), err
}

// active waits until the service is active in a process other than this one, and
// returns its process id.
func (t *trial) active(other string) (pid string, err error) {
	err = until(90*time.Second, "the service is active", func() error {
		state, err := t.property("ActiveState")
		if err != nil || state != "active" {
			return fmt.Errorf("it is %s: %w", state, err)
		}
		if pid, err = t.property("MainPID"); err != nil || pid == "0" || pid == other {
			return fmt.Errorf("its process is %s: %w", pid, err)
		}
		_, err = t.run("curl", "--fail", "--silent", "http://127.0.0.1:9090/readyz")
		return err
	})
	return pid, err
}

// said reports whether the service's journal has a text.
func (t *trial) said(text string) error {
	return until(time.Minute, "the journal says "+text, func() error {
		out, err := t.run("journalctl", "--no-pager", "--unit="+name)
		if err == nil && !strings.Contains(out, text) {
			err = errors.New("it does not")
		}
		return err
	})
}

// journal is the end of what the service said, for a failure.
func (t *trial) journal() string {
	if t.nspawn == nil {
		return ""
	}
	out, _ := t.run("journalctl", "--no-pager", "--lines=30", "--unit="+name)
	return out
}

// until tries until it works, at most for a time.
func until(limit time.Duration, what string, try func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited too long until %s: %w", what, err)
		}
	}
}
