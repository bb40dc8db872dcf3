package main

import (
	"bytes"
	"strings"
	"testing"

	"thnks-hubspot-sync/configs"
)

// TestAskEach: a portal that fails is named, in text that cannot command the
// terminal, and its status is kept; the others answer.
func TestAskEach(t *testing.T) {
	t.Parallel()
	portals := []configs.Portal{{Name: "acme"}, {Name: "other"}}
	s := &session{cfg: &configs.Config{StateDir: t.TempDir(), Portals: portals}, portals: portals, inProcess: true}
	var stderr bytes.Buffer
	got, worst := askEach(&app{stderr: &stderr}, s, func(_ service, portal string) (string, error) {
		if portal == "acme" {
			return "", usagef("a name with \x1b]0;owned\a in it")
		}
		return portal, nil
	})
	if worst != misused {
		t.Errorf("status %d, want %d", worst, misused)
	}
	if len(got) != 1 || got[0] != "other" {
		t.Errorf("answers %q", got)
	}
	if out := stderr.String(); strings.ContainsAny(out, "\x1b\a") || !strings.Contains(out, "portal acme: a name with") {
		t.Errorf("says %q", out)
	}
}
