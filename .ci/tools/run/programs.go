package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const program = "thnks-hubspot-sync"

// buildProgram makes the program as users get it.
func buildProgram(p place) (string, error) {
	built := filepath.Join(p.tmp, program)
	return built, cmd("go", "build", "-o", built, "./cmd/"+program).with("CGO_ENABLED=0").loudly()
}

// builds makes the programs as users get them, sees that they need no library of
// the machine, and that they build for the systems of workstations.
func builds(p place, _ []string) error {
	static := "CGO_ENABLED=0"
	if err := cmd("go", "build", "-o", p.tmp+"/", "./cmd/...").with(static).loudly(); err != nil {
		return err
	}
	if found("readelf") {
		log, err := cmd("readelf", "-l", filepath.Join(p.tmp, program)).logged(context.Background(), p)
		if err == nil && bytes.Contains(log, []byte("INTERP")) {
			return errors.New("the program is not static")
		}
	}
	for _, system := range []string{"darwin", "windows"} {
		if err := cmd("go", "build", "-o", os.DevNull, "./cmd/"+program).with(static, "GOOS="+system).loudly(); err != nil {
			return err
		}
	}
	return nil
}

// smoke uses the built program.
func smoke(p place, _ []string) error {
	built, err := buildProgram(p)
	if err != nil {
		return err
	}
	log, err := cmd(built, "version").exits(0, p)
	if err != nil {
		return err
	}
	if err := print(log, regexp.MustCompile(".")); err != nil {
		return err
	}
	if _, err := cmd(built, "no-such-command").exits(2, p); err != nil {
		return err
	}
	bad := filepath.Join(p.tmp, "bad.yaml")
	if err := os.WriteFile(bad, []byte("portals:\n  - name: acme\n    token: hunter2\n"), 0o600); err != nil {
		return err
	}
	log, err = cmd(built, "sync", "--config", bad).exits(2, p)
	if err != nil {
		return err
	}
	if bytes.Contains(log, []byte("hunter2")) {
		return errors.New("an error quotes the configuration")
	}
	if !bytes.Contains(log, []byte("bad.yaml:3: portals[0].token: unknown key")) {
		return fmt.Errorf("an error does not say where the configuration is wrong:\n%s", log)
	}
	demo := filepath.Join(p.tmp, "demo")
	if err := os.Mkdir(demo, 0o700); err != nil {
		return err
	}
	log, err = cmd(built, "demo", "--once", "--transactions", "300").with("TMPDIR="+demo).exits(0, p)
	if err != nil {
		return err
	}
	os.Stdout.Write(last(log, 20))
	return os.Remove(demo) // fails if the demo left a file behind
}

// last returns the last lines.
func last(log []byte, n int) []byte {
	lines := bytes.SplitAfter(bytes.TrimRight(log, "\n"), []byte("\n"))
	return append(bytes.Join(lines[max(0, len(lines)-n):], nil), '\n')
}

// unit asks systemd whether it takes the unit file, with a program in place, and
// that a service may do no more than it has to: of 10.0, which is everything, at
// most 1.1.
func unit(p place, _ []string) error {
	if !found("systemd-analyze") && install(p, 2*time.Minute, "systemd") != nil {
		fmt.Println("not tried, as there is no systemd-analyze here and it cannot be installed: the unit file")
		return nil
	}
	if _, err := buildProgram(p); err != nil {
		return err
	}
	text, err := os.ReadFile("configs/" + program + ".service")
	if err != nil {
		return err
	}
	file := filepath.Join(p.tmp, program+".service")
	here := strings.ReplaceAll(string(text), "/usr/local/bin/", p.tmp+"/")
	if err := os.WriteFile(file, []byte(here), 0o644); err != nil {
		return err
	}
	// Without this flag it answers 0 to keys that it does not know.
	if err := cmd("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", file).loudly(); err != nil {
		return err
	}
	log, err := cmd("systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager", file).quietly(p)
	if err == nil {
		os.Stdout.Write(last(log, 1))
	}
	return err
}

// rules asks promtool whether Prometheus takes the alert rules, and tries each.
// The package is unpacked and not installed: that may start a server.
func rules(p place, _ []string) error {
	promtool := "promtool"
	if !found(promtool) {
		dir := filepath.Join(p.tmp, "prometheus")
		promtool = filepath.Join(dir, "usr/bin/promtool")
		if unpack(p, dir, "prometheus") != nil {
			fmt.Println("not tried, as there is no promtool here and it cannot be fetched: the alert rules")
			return nil
		}
	}
	if _, err := cmd(promtool, "check", "rules", "configs/prometheus-rules.yaml").quietly(p); err != nil {
		return err
	}
	_, err := cmd(promtool, "test", "rules", "configs/testdata/prometheus-rules_test.yaml").quietly(p)
	return err
}

// unpack fetches a package of Debian and unpacks it into a folder.
func unpack(p place, dir, name string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(context.Background(), 2*time.Minute)
	defer done()
	if _, err := cmd("apt-get", "download", name).in(dir).logged(ctx, p); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("apt-get downloaded %d files of %s", len(files), name))
	}
	_, err = cmd("dpkg-deb", "-x", files[0], dir).logged(ctx, p)
	return err
}

// packages makes the packages twice, to see that they are the same bit for bit, and
// prints their sizes. The .rpm is read; there is nothing here to install it on.
func packages(p place, _ []string) error {
	first, second := filepath.Join(p.tmp, "packages.one"), filepath.Join(p.tmp, "packages.two")
	for _, dir := range []string{first, second} {
		if err := cmd("go", "-C", ".ci/tools", "run", "./package", "-o", dir).loudly(); err != nil {
			return err
		}
	}
	if err := cmd("diff", "-r", first, second).loudly(); err != nil {
		return err
	}
	if err := cmd("sha256sum", "--quiet", "--check", "SHA256SUMS").in(first).loudly(); err != nil {
		return err
	}
	entries, err := os.ReadDir(first)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%10d %s\n", info.Size(), entry.Name())
	}
	if !found("rpm") {
		fmt.Println("not tried, as there is no rpm here: reading the .rpm")
		return nil
	}
	rpm, err := filepath.Glob(filepath.Join(first, "*.x86_64.rpm"))
	if err != nil {
		return err
	}
	files, err := cmd(append([]string{"rpm", "--query", "--package", "--configfiles"}, rpm...)...).output()
	if err != nil {
		return err
	}
	if !regexp.MustCompile(`(?m)^/etc/thnks-hubspot-sync/config\.yaml$`).MatchString(files) {
		return errors.New("the .rpm does not say that config.yaml is the admin's")
	}
	return nil
}

// boot tries the .deb under a real systemd, in a container.
func boot(p place, _ []string) error {
	if !found("systemd-nspawn") || !found("debootstrap") {
		_ = install(p, 5*time.Minute, "systemd-container", "debootstrap") // the tool says what it lacks
	}
	root := filepath.Join(os.Getenv("HOME"), ".cache", program, "bookworm")
	return cmd("go", "-C", ".ci/tools", "run", "./boot", "-root", root).loudly()
}
