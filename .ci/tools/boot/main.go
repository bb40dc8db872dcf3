// Command boot tries the .deb under a real systemd: it makes a clean Debian, boots it in a
// container, and does there what an admin does.
//
//	go -C .ci/tools run ./boot -root DIR
//
// It needs root, systemd-nspawn and debootstrap, and says so where it lacks them. DIR
// keeps the clean Debian for the next time.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const name = "thnks-hubspot-sync"

func main() {
	clean := flag.String("root", "", "keep the clean Debian in this `folder`; it is made where there is none")
	flag.Parse()
	if *clean == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if why := lacking(); why != "" {
		fmt.Println("not tried, as " + why + ": the package under a real systemd")
		return
	}
	if err := run(*clean); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		os.Exit(1)
	}
}

// lacking says what the machine lacks, "" for nothing.
func lacking() string {
	if os.Geteuid() != 0 {
		return "only root can boot a container"
	}
	for _, tool := range []string{"systemd-nspawn", "debootstrap", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed"
		}
	}
	return ""
}

func run(clean string) error {
	began := time.Now()
	work, err := os.MkdirTemp("", "boot")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := makeClean(clean); err != nil {
		return err
	}
	t := &trial{work: work, root: filepath.Join(work, "root")}
	for _, version := range []string{"0.1.0", "0.2.0"} {
		if err := output("go", "run", "./package", "-o", filepath.Join(work, version), "-version", version, "-arch", "amd64"); err != nil {
			return err
		}
	}
	if err := output("cp", "-a", clean, t.root); err != nil {
		return err
	}
	if err := t.startSandbox(); err != nil {
		return err
	}
	defer t.sandbox.Process.Kill()
	defer t.halt()
	for _, s := range steps {
		at := time.Now()
		if err := s.try(t); err != nil {
			return fmt.Errorf("%s: %w\n%s", s.what, err, t.journal())
		}
		fmt.Printf("%-60s %6.1f s\n", s.what, time.Since(at).Seconds())
	}
	fmt.Printf("%s\nok, in %.0f s\n", t.figures(), time.Since(began).Seconds())
	return nil
}

// makeClean makes a clean Debian with systemd, once.
func makeClean(dir string) error {
	done := filepath.Join(dir, "made")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := output("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,ca-certificates,curl", "bookworm", dir); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

// output runs a command here; what it printed is in the error.
func output(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q: %w\n%s", args, err, out)
	}
	return nil
}
