package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	giftapp "thnks-hubspot-sync/sync/app"
)

func keyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "The master key that seals OAuth tokens at rest",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "rotate",
		Short: "Replace the master key",
		Long: `Seals the tokens of every portal with a new master key and then puts the new key
in the place of the old one. The new key is made in a file beside the old one,
whose name has .next at its end; one that is there already is used. Until every
portal is done both keys are read, so that it can be interrupted anywhere and run
again.

Keys that systemd passes as credentials cannot be replaced by a program: give both
as credentials, run this, and then make the new one master_key_file.`,
		Example: `  thnks-hubspot-sync key rotate`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.session("", false)
			if err != nil {
				return err
			}
			return rotate(cmd.Context(), a, s)
		},
	})
	return cmd
}

// rotate replaces the master key. One that the program cannot write, because
// systemd passes it, is left to the admin.
func rotate(ctx context.Context, a *app, s *session) error {
	current, next := s.cfg.SecretPath(s.cfg.MasterKeyFile), s.cfg.SecretPath(s.cfg.NextMasterKeyFile())
	_, err := os.Stat(current)
	ours := err == nil
	var want expectedSealing
	if ours {
		if err := removeUnfinished(next); err != nil { // a kill may have left the key under a second name
			return fmt.Errorf("removing what an earlier rotation has left: %w", cause(err))
		}
		if want, err = newKey(s.cfg, current, next); err != nil {
			return err
		}
	}
	sealed, err := reseal(ctx, s, want)
	if err != nil {
		return err
	}
	if !ours {
		fmt.Fprintf(a.stdout, "The tokens of %s were sealed anew with the credential %s. Make it the credential %s now, and restart the service; with neither in %s, the keys are systemd's.\n",
			plural(sealed, "portal"), printable(filepath.Base(next)), printable(filepath.Base(current)), printable(filepath.Dir(current)))
		return nil
	}
	if err := replaceKey(current, next); err != nil {
		return fmt.Errorf("every token is sealed with the key in %s, but that is not in the place of %s yet: %w: replace it yourself, and remove the other name", next, current, cause(err))
	}
	fmt.Fprintf(a.stdout, "The tokens of %s are sealed with a new master key, which is in %s. Keep a copy of it elsewhere, and destroy copies of the old one.\n", plural(sealed, "portal"), printable(current))
	return nil
}

// An expectedSealing is how every portal's tokens must be sealed before the old key is
// removed: with the key of this id, by a process that reads the old key from this file.
// The zero value expects only that the process reads a new key, as systemd passes both.
type expectedSealing struct{ keyID, keyFile string }

// newKey makes the new key where there is none yet.
func newKey(cfg *configs.Config, current, next string) (expectedSealing, error) {
	files := *cfg
	files.MasterKeyFile = current // and no credential of that name
	keys, err := files.ReadMasterKeys()
	if err == nil && keys.Next.Reveal() == "" {
		if err := makeKey(next); err != nil {
			return expectedSealing{}, fmt.Errorf("making the new key: %w: make it yourself (openssl rand -base64 32 >%[2]s; chmod 600 %[2]s), then run key rotate again", cause(err), next)
		}
		keys, err = files.ReadMasterKeys()
	}
	if err != nil {
		return expectedSealing{}, usagef("master_key_file: %w", err)
	}
	ring, err := store.NewKeyring([]byte(keys.Next.Reveal()))
	if err != nil {
		return expectedSealing{}, err
	}
	return expectedSealing{ring.KeyID(), current}, nil
}

// accept refuses a sealing after which the tokens would be lost with the old key.
func (w expectedSealing) accept(s giftapp.Sealing) error {
	switch {
	case w.keyID == "" && !s.Rotating:
		return errors.New("no new master key is read where the tokens are sealed: give it as the credential with .next at the end of its name, and restart the service")
	case w.keyID == "":
		return nil
	case s.KeyID != w.keyID:
		return fmt.Errorf("the daemon does not read the new master key in %s.next: restart it, and let it read the same files as this command", printable(w.keyFile))
	case !s.Rotating:
		return fmt.Errorf("the new master key in %s.next is the old one: remove that file", printable(w.keyFile))
	case !sameFile(s.KeyFile, w.keyFile):
		return fmt.Errorf("the daemon reads its master key elsewhere, in %s: restart it if it should read %s; if systemd passes the key, pass what is in %[2]s.next too, under that name, then remove both files here and restart it", printable(s.KeyFile), printable(w.keyFile))
	}
	return nil
}

// sameFile reports whether both are there and are one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// reseal has the tokens of every portal sealed with the new key as want expects,
// and returns of how many.
func reseal(ctx context.Context, s *session, want expectedSealing) (sealed int, err error) {
	asked := 0
	for _, p := range s.cfg.Portals {
		if p.HubSpot.App == "" {
			continue
		}
		if _, err := os.Stat(stateFile(s.cfg, p.Name)); errors.Is(err, fs.ErrNotExist) {
			continue // never connected
		}
		sealing, err := withAccess(s, p.Name, func(by admin.Access) (giftapp.Sealing, error) { return by.Reseal(ctx, p.Name) })
		if err == nil {
			err = want.accept(sealing)
		}
		if err != nil {
			return sealed, fmt.Errorf("portal %s: %w: both keys stay; put that right, then run key rotate again", p.Name, err)
		}
		if sealing.Changed {
			sealed++
		}
		asked++
	}
	if asked == 0 && want.keyID == "" {
		return 0, errors.New("no portal was ever connected, so that no token is sealed: give the service the new key in the place of the old one")
	}
	return sealed, nil
}

// makeKey makes a file with a new key that is complete when it gets its name.
func makeKey(path string) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return linkFile(path, base64.StdEncoding.EncodeToString(key)+"\n")
}

// replaceKey gives the new key the name of the old one. A crash leaves one of the
// two states.
func replaceKey(current, next string) error {
	if err := os.Rename(next, current); err != nil {
		return err
	}
	return syncDir(filepath.Dir(current))
}
