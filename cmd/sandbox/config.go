package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeConfig writes a configuration for the sandbox's portals, with their
// credentials, into dir, which it makes where it does not exist. With a secret it
// has the webhook endpoint as well.
func writeConfig(dir string, r Ready, portals int, secret []byte) (path string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "config.yaml")
	config := fmt.Sprintf("state_dir: %q\nportals:\n", filepath.Join(dir, "state"))
	type file struct{ path, text string }
	files := []file{{filepath.Join(dir, "thnks-key"), r.Key}}
	for i := range portals {
		name, below, tokenFile := "sandbox", under(i, portals), "hubspot-token"
		if portals > 1 { // of which each must have a token of its own
			name, tokenFile = fmt.Sprintf("sandbox-%d", i+1), fmt.Sprintf("hubspot-token-%d", i+1)
		}
		config += fmt.Sprintf(`  - name: %s
    hubspot: {base_url: %q, token_file: %s}
    thnks: {base_url: %q, api_key_file: thnks-key}
`, name, r.HubSpot+below, tokenFile, r.Thnks+below)
		files = append(files, file{filepath.Join(dir, tokenFile), r.Token})
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
