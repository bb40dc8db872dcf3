package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// TestKeyRotateBesideAnotherKey: a key takes no other's place before the daemon, which may read
// its keys where the command does not, has sealed every token with it and will find it.
func TestKeyRotateBesideAnotherKey(t *testing.T) {
	const first, second, third = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=\n"
	for name, test := range map[string]struct {
		credentials, files map[string]string // by name
		connect            bool
		said               string
		key                string // master-key beside the configuration afterwards
		ends               bool   // well
	}{
		"credentials without a new one": {
			credentials: map[string]string{"master-key": first}, connect: true, said: "no new master key is read",
		},
		"of a portal that is not connected yet": {
			credentials: map[string]string{"master-key": first}, said: "no new master key is read",
		},
		"the new one is the old one": {
			credentials: map[string]string{"master-key": first, "master-key.next": first}, connect: true, said: "no new master key is read",
		},
		"two credentials": {
			credentials: map[string]string{"master-key": first, "master-key.next": second}, connect: true, said: "Make it the credential", ends: true,
		},
		"a file that the daemon does not read": {
			credentials: map[string]string{"master-key": first}, files: map[string]string{"master-key": second}, connect: true,
			said: "reads its master key elsewhere", key: second,
		},
		"a copy of what the daemon reads": {
			credentials: map[string]string{"master-key": first}, files: map[string]string{"master-key": first}, connect: true,
			said: "reads its master key elsewhere", key: first,
		},
		"a new one that the daemon does not read": {
			credentials: map[string]string{"master-key.next": third}, files: map[string]string{"master-key": first, "master-key.next": second}, connect: true,
			said: "does not read the new master key", key: first,
		},
		"a new file that is the old one": {
			files: map[string]string{"master-key": first, "master-key.next": first}, connect: true, said: "is the old one", key: first,
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
			credentials := t.TempDir()
			if err := os.Remove(filepath.Join(i.dir, "master-key")); err != nil {
				t.Fatal(err)
			}
			for name, text := range test.files {
				i.write(name, text)
			}
			for name, text := range test.credentials {
				if err := os.WriteFile(filepath.Join(credentials, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("CREDENTIALS_DIRECTORY", credentials)
			d := i.start("run")
			await(t, "there is a state file", func() bool {
				_, err := os.Stat(filepath.Join(i.dir, "state", "acme.db"))
				return err == nil
			})
			if test.connect {
				c := i.start("connect")
				i.browse(c, "connect")
				if got := <-c.ended; got != done {
					t.Fatalf("connect ends with %d: %s", got, c.err.String())
				}
			}

			rotation := exec.Command("thnks-hubspot-sync", "key", "rotate", "--config", i.config)
			rotation.Env = append(os.Environ(), "CREDENTIALS_DIRECTORY=")
			said, err := rotation.CombinedOutput()
			if (err == nil) != test.ends || !strings.Contains(string(said), test.said) || strings.Contains(string(said), "Make it the credential") != test.ends {
				t.Errorf("key rotate ends with %v and says %s", err, said)
			}
			if key, err := os.ReadFile(filepath.Join(i.dir, "master-key")); string(key) != test.key {
				t.Errorf("the key beside the configuration is %q, %v", key, err)
			}
			if test.connect {
				i.command(done, "sync", "--reassociate=all")
			}
			d.stop()
			<-d.ended
		})
	}
}
