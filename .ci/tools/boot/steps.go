package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// steps are what an admin does, and what happens to the service, in this order.
var steps = []struct {
	what string
	try  func(*trial) error
}{
	{"a clean Debian boots", (*trial).boot},
	{"the package installs, and starts nothing", (*trial).install},
	{"with configuration and secrets it starts, and is ready", (*trial).start},
	{"systemd passes secrets that only root can read", (*trial).credentials},
	{"the unit has no mistake", (*trial).verify},
	{"a backfill ends, and a pass", (*trial).passes},
	{"webhooks arrive", (*trial).webhooks},
	{"kill -9: it starts again", (*trial).killed},
	{"a process that hangs is restarted by the watchdog", (*trial).hung},
	{"reload: the same process has the new configuration", (*trial).reload},
	{"reload: a mistake changes nothing", (*trial).mistaken},
	{"an upgrade keeps the state and restarts", (*trial).upgrade},
	{"an upgrade that refuses the configuration leaves the old process", (*trial).refusedUpgrade},
	{"stop", (*trial).stop},
	{"after a reboot it runs by itself", (*trial).reboot},
	{"removal keeps configuration and state, purge does not", (*trial).purge},
}

// deb copies the package of a version into the container and returns its name there.
func (t *trial) deb(version string) (string, error) {
	file := fmt.Sprintf("%s_%s_amd64.deb", name, version)
	return "/srv/" + file, output("cp", filepath.Join(t.work, version, file), filepath.Join(t.root, "srv"))
}

func (t *trial) install() error {
	deb, err := t.deb("0.1.0")
	if err != nil {
		return err
	}
	out, err := t.run("apt-get", "install", "--yes", deb)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "edit /etc/thnks-hubspot-sync/config.yaml, then: systemctl enable --now") {
		return fmt.Errorf("it does not say what to do next:\n%s", out)
	}
	if state, err := t.property("ActiveState"); err != nil || state != "inactive" {
		return fmt.Errorf("the service is %s: %w", state, err)
	}
	for _, page := range []string{name, name + "-sync"} {
		if _, err := os.Stat(filepath.Join(t.root, "usr/share/man/man1", page+".1.gz")); err != nil {
			return err
		}
	}
	return nil
}

// configure writes the configuration, with settings before those of the portal.
func (t *trial) configure(settings string) error {
	text := fmt.Sprintf(`%sportals:
  - name: sandbox
    hubspot: {base_url: %q, token_file: hubspot-token}
    thnks: {base_url: %q, api_key_file: thnks-key}
    webhooks: {gift-events: {scheme: standard, secret_files: [gift-events]}}
`, settings, t.hubspot, t.thnks)
	return os.WriteFile(t.etc("config.yaml"), []byte(text), 0o640) // which is there: owner and mode stay
}

func (t *trial) start() error {
	if err := t.configure(""); err != nil {
		return err
	}
	for file, secret := range map[string]string{"hubspot-token": "sandbox-token", "thnks-key": "sandbox-key", "gift-events": hookSecret} {
		if err := os.WriteFile(t.etc("secrets", file), []byte(secret), 0o600); err != nil {
			return err
		}
	}
	if _, err := t.run("systemctl", "enable", "--now", name); err != nil {
		return err
	}
	if _, err := t.active(""); err != nil {
		return err
	}
	from, err1 := t.property("InactiveExitTimestampMonotonic")
	to, err2 := t.property("ActiveEnterTimestampMonotonic")
	begun, err3 := strconv.ParseInt(from, 10, 64)
	ready, err4 := strconv.ParseInt(to, 10, 64)
	t.measure("start to ready", time.Duration(ready-begun)*time.Microsecond)
	return errors.Join(err1, err2, err3, err4)
}

func (t *trial) credentials() error {
	user, err := t.property("User")
	if err != nil || user != name {
		return fmt.Errorf("it runs as %s: %w", user, err)
	}
	if out, err := t.run("runuser", "-u", name, "--", "cat", "/etc/"+name+"/secrets/thnks-key"); err == nil {
		return fmt.Errorf("the service's user can read the secrets: %s", out)
	}
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	env, err := t.run("cat", "/proc/"+pid+"/environ")
	if err != nil || !strings.Contains(env, "CREDENTIALS_DIRECTORY=") {
		return fmt.Errorf("it has no credentials: %w", err)
	}
	for _, secret := range []string{"sandbox-token", "sandbox-key", hookSecret} {
		command, err := t.run("cat", "/proc/"+pid+"/cmdline")
		if err != nil || strings.Contains(env, secret) || strings.Contains(command, secret) {
			return fmt.Errorf("a secret is in the environment or the command line: %w", err)
		}
	}
	return nil
}

func (t *trial) verify() error {
	out, err := t.run("systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", "/usr/lib/systemd/system/"+name+".service")
	if err == nil && strings.TrimSpace(out) != "" {
		err = fmt.Errorf("it says %s", out)
	}
	return err
}

func (t *trial) passes() error {
	if err := t.said("mode=backfill"); err != nil {
		return err
	}
	out, err := t.program("sync")
	if err != nil || !strings.Contains(out, "sandbox: incremental done") {
		return fmt.Errorf("a pass by command: %w\n%s", err, out)
	}
	if out, err = t.program("check"); err != nil {
		return err
	}
	err = until(30*time.Second, "systemctl status has the passes", func() error { // which it gets every ten seconds
		text, err := t.property("StatusText")
		if err == nil && (!strings.Contains(text, "last pass") || !strings.Contains(text, "next pass")) {
			err = fmt.Errorf("it says %q", text)
		}
		return err
	})
	if err != nil {
		return err
	}
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	memory, err := t.run("grep", "RssAnon", "/proc/"+pid+"/status")
	t.measured = append(t.measured, "memory after a backfill: "+strings.Join(strings.Fields(memory), " "))
	return err
}

func (t *trial) webhooks() error {
	return until(time.Minute, "an event is applied", func() error {
		out, err := t.program("events", "list")
		if err == nil && !strings.Contains(out, "applied") {
			err = errors.New(out)
		}
		return err
	})
}

func (t *trial) killed() error {
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	if _, err := t.run("sh", "-c", "kill -KILL "+pid); err != nil {
		return err
	}
	_, err = t.active(pid)
	return err
}

// hung stops the process, so that the watchdog hears nothing.
func (t *trial) hung() error {
	dir := filepath.Join(t.root, "etc/systemd/system", name+".service.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	const soon = "[Service]\nWatchdogSec=3\nRestartSec=1\nTimeoutAbortSec=1\n"
	if err := os.WriteFile(filepath.Join(dir, "soon.conf"), []byte(soon), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"daemon-reload"}, {"restart", name}} {
		if _, err := t.run(append([]string{"systemctl"}, args...)...); err != nil {
			return err
		}
	}
	pid, err := t.active("")
	if err != nil {
		return err
	}
	if _, err := t.run("sh", "-c", "kill -STOP "+pid); err != nil {
		return err
	}
	if _, err := t.active(pid); err != nil {
		return err
	}
	return t.said("Watchdog timeout")
}

func (t *trial) reload() error {
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	if err := t.configure("log: {level: debug}\nschedule: '*/5 * * * *'\n"); err != nil {
		return err
	}
	if _, err := t.run("systemctl", "reload", name); err != nil {
		return err
	}
	if err := t.said("the configuration was reloaded"); err != nil {
		return err
	}
	now, err := t.active("")
	if err == nil && now != pid {
		err = errors.New("it is another process")
	}
	return err
}

func (t *trial) mistaken() error {
	if err := t.configure("schedul: '@hourly'\n"); err != nil {
		return err
	}
	if _, err := t.run("systemctl", "reload", name); err != nil {
		return err
	}
	if err := t.said("the configuration was not reloaded"); err != nil {
		return err
	}
	if _, err := t.active(""); err != nil {
		return err
	}
	return t.configure("")
}

func (t *trial) upgrade() error {
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	before, err := os.Stat(filepath.Join(t.root, "var/lib", name, "sandbox.db"))
	if err != nil {
		return err
	}
	deb, err := t.deb("0.2.0")
	if err != nil {
		return err
	}
	if _, err := t.run("apt-get", "install", "--yes", deb); err != nil {
		return err
	}
	if _, err := t.active(pid); err != nil {
		return err
	}
	after, err := os.Stat(filepath.Join(t.root, "var/lib", name, "sandbox.db"))
	if err == nil && !os.SameFile(before, after) {
		err = errors.New("the state file is another one")
	}
	return err
}

func (t *trial) refusedUpgrade() error {
	pid, err := t.property("MainPID")
	if err != nil {
		return err
	}
	if err := t.configure("schedul: '@hourly'\n"); err != nil {
		return err
	}
	deb, err := t.deb("0.2.0")
	if err != nil {
		return err
	}
	out, err := t.run("apt-get", "install", "--yes", "--reinstall", deb)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "the new version refuses this configuration, so the old process goes on") || !strings.Contains(out, "schedul") {
		return fmt.Errorf("it does not say so:\n%s", out)
	}
	if now, err := t.active(""); err != nil || now != pid {
		return fmt.Errorf("the process is %s instead of %s: %w", now, pid, err)
	}
	return t.configure("")
}

func (t *trial) stop() error {
	began := time.Now()
	if _, err := t.run("systemctl", "stop", name); err != nil {
		return err
	}
	took := time.Since(began)
	t.measure("stop", took)
	if took > 12*time.Second {
		return fmt.Errorf("it took %v", took)
	}
	if result, err := t.property("Result"); err != nil || result != "success" {
		return fmt.Errorf("it ended with %s: %w", result, err)
	}
	return nil
}

func (t *trial) reboot() error {
	if err := t.shutDown(); err != nil {
		return err
	}
	if err := t.boot(); err != nil {
		return err
	}
	_, err := t.active("")
	return err
}

func (t *trial) purge() error {
	if _, err := t.run("apt-get", "remove", "--yes", name); err != nil {
		return err
	}
	kept := []string{t.etc("config.yaml"), t.etc("secrets", "thnks-key"), filepath.Join(t.root, "var/lib", name, "sandbox.db")}
	for _, path := range kept {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("removal: %w", err)
		}
	}
	if _, err := t.run("apt-get", "purge", "--yes", name); err != nil {
		return err
	}
	for _, path := range append(kept, t.etc(), filepath.Join(t.root, "var/lib", name), filepath.Join(t.root, "usr/bin", name)) {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("purge leaves %s", path)
		}
	}
	return nil
}

func (t *trial) measure(what string, d time.Duration) {
	t.measured = append(t.measured, fmt.Sprintf("%s: %v", what, d.Round(time.Millisecond)))
}

// figures are what was measured, with the sizes of program and packages.
func (t *trial) figures() string {
	lines := t.measured
	files, _ := filepath.Glob(filepath.Join(t.work, "0.1.0", name+"*")) // the pattern is in order
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			lines = append(lines, fmt.Sprintf("%s: %d bytes", filepath.Base(f), info.Size()))
		}
	}
	return strings.Join(lines, "\n")
}
