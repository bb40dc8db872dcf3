package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// madeHere begins the configurations that this program writes.
const madeHere = "# Made by the sandbox, which writes it anew at each start.\n"

// makeWay makes way for a new sandbox in a folder: the state of an earlier one there
// is about accounts that are gone. A folder with a configuration of anyone else's
// is refused.
func makeWay(dir string) error {
	config, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Before it had this first line, it was the state's.
	earlier := fmt.Sprintf("state_dir: %q\nportals:\n  - name: sandbox", filepath.Join(dir, "state"))
	if text := string(config); !strings.HasPrefix(text, madeHere) && !strings.HasPrefix(text, earlier) {
		return fmt.Errorf("%s is not the sandbox's: name another folder with --config-dir", filepath.Join(dir, "config.yaml"))
	}
	return os.RemoveAll(filepath.Join(dir, "state"))
}

// A file is one that a configuration consists of.
type file struct{ path, text string }

// writeConfig writes a configuration for the sandbox's portals, with their
// credentials, into dir, which it makes where it does not exist. With a secret it
// has the webhook endpoint as well; if HubSpot posts webhooks, an app whose they are.
func writeConfig(dir string, r Ready, portals int, secret []byte, tells hubspotHook) (path string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := makeWay(dir); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "config.yaml")
	config := madeHere + fmt.Sprintf("state_dir: %q\n", filepath.Join(dir, "state"))
	files := []file{{filepath.Join(dir, "thnks-key"), r.Key}}
	if tells.url != "" {
		lines, more := tells.config(dir, r.HubSpot)
		config, files = config+lines, append(files, more...)
	}
	config += "portals:\n"
	for i := range portals {
		name, below, tokenFile := "sandbox", under(i, portals), "hubspot-token"
		if portals > 1 { // of which each must have a token of its own
			name, tokenFile = fmt.Sprintf("sandbox-%d", i+1), fmt.Sprintf("hubspot-token-%d", i+1)
		}
		access := "token_file: " + tokenFile
		if tells.url != "" {
			access = fmt.Sprintf("app: sandbox, account_id: %d", firstAccount)
		}
		config += fmt.Sprintf(`  - name: %s
    hubspot: {base_url: %q, %s}
    thnks: {base_url: %q, api_key_file: thnks-key}
`+sendingRules, name, r.HubSpot+below, access, r.Thnks+below)
		files = append(files, file{filepath.Join(dir, tokenFile), tokenOf(i)})
	}
	if secret != nil {
		config += "    webhooks:\n      gift-events: {scheme: standard, secret_files: [gift-events]}\n"
		files = append(files, file{filepath.Join(dir, "gift-events"), string(secret)})
	}
	for _, f := range append(files, file{path, config}) {
		if err := os.WriteFile(f.path, []byte(f.text), 0o600); err != nil {
			return "", err
		}
	}
	return path, nil
}

// under is the path below which one of the portals answers: none where it is the
// only one, else /1 and so on.
func under(i, portals int) string {
	if portals == 1 {
		return ""
	}
	return fmt.Sprintf("/%d", i+1)
}
