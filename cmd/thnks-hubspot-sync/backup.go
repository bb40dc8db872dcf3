package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
)

func backupCommand(a *app) *cobra.Command {
	var portal, output string
	cmd := &cobra.Command{
		Use:   "backup --output DIR",
		Short: "Copy the state files, while the daemon works",
		Long: `Writes NAME.db for each portal into DIR, as the state file is at one moment, and
reads the whole copy to prove it sound before it gets its name: the copy of before
stays until then. The list of erased people goes with it, as NAME.suppressed.

Copies hold personal data and are as private as the state files (mode 0600). What
counts the sent gifts, NAME.sends, is left out on purpose: see restore.`,
		Example: `  thnks-hubspot-sync backup --output /var/backups/thnks-hubspot-sync`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				return usagef("backup needs --output: the folder for the copies")
			}
			s, err := a.session(portal, false)
			if err != nil {
				return err
			}
			return backup(cmd.Context(), a, s, output)
		},
	}
	cmd.Flags().StringVar(&portal, "portal", "", "only the portal `NAME`")
	cmd.Flags().StringVar(&output, "output", "", "the folder `DIR`, made where there is none")
	return cmd
}

// backup copies the state files of the session's portals into a folder.
func backup(ctx context.Context, a *app, s *session, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return usagef("--output: %w", err)
	}
	same, err := sameFolder(dir, s.cfg.StateDir)
	if err != nil {
		return usagef("--output: %w", err)
	}
	if same {
		return usagef("--output: %s is state_dir: choose a folder on another disk", dir)
	}
	worst := done
	for _, p := range s.portals {
		size, err := backUp(ctx, s, p.Name, dir)
		if err != nil {
			printError(a.stderr, "portal "+p.Name+": "+said(err))
			worst = worst.worse(statusOf(err))
			continue
		}
		fmt.Fprintf(a.stdout, "%s: %s bytes in %s, read again and sound\n", p.Name, count(int(size)), printable(filepath.Join(dir, p.Name+".db")))
	}
	return worst.asError()
}

func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(x, y), err
}

// backUp copies a portal's state file and then its list of erased people, which may
// have those of meanwhile, and returns the size of the former.
func backUp(ctx context.Context, s *session, portal, dir string) (size int64, err error) {
	err = writeWhole(filepath.Join(dir, portal+".db"), func(f *os.File) error {
		_, err := ask(s, func(by admin.Files) (struct{}, error) {
			// Of one that was asked before there may be a part.
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, errors.Join(f.Truncate(0), by.Backup(ctx, portal, f))
		})
		if err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := store.CheckCopy(f.Name()); err != nil {
			return fmt.Errorf("the copy is not sound, and was not kept: %w", err)
		}
		info, err := f.Stat()
		if err == nil {
			size = info.Size()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	list, err := os.ReadFile(s.erased.of(portal).Path())
	if errors.Is(err, fs.ErrNotExist) { // no run has made it yet
		return size, nil
	}
	if err != nil {
		return 0, err
	}
	return size, writeWhole(filepath.Join(dir, portal+".suppressed"), func(f *os.File) error {
		_, err := f.Write(list)
		return errors.Join(err, f.Sync())
	})
}

// writeWhole writes a file that has its name only when it is complete. The file of that
// name stays until then.
func writeWhole(path string, write func(*os.File) error) error {
	f, end, err := beginFile(path)
	if err != nil {
		return err
	}
	defer end()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func restoreCommand(a *app) *cobra.Command {
	var portal, from string
	cmd := &cobra.Command{
		Use:   "restore --from FILE",
		Short: "Put a copy that backup made into the place of a state file",
		Long: `Proves the copy sound, and puts it into the place of the portal's state file, which
stays beside it under another name. The daemon must be stopped. The list of erased
people is taken from beside the copy only where there is none: the newer one stays.

The next pass finds what has changed since the copy was made, and takes back into the
ledger what HubSpot shows of gifts that were sent since. HubSpot does not show it of
all, and so sending is off until a person has looked: see send resolve.`,
		Example: `  thnks-hubspot-sync restore --portal acme --from /var/backups/thnks-hubspot-sync/acme.db`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usagef("restore needs --from: the copy of the state file")
			}
			s, err := a.session(portal, false)
			if err != nil {
				return err
			}
			if err := s.one("restore", "a state file"); err != nil {
				return err
			}
			return restore(cmd.Context(), a, s, s.portals[0], from)
		},
	}
	cmd.Flags().StringVar(&portal, "portal", "", "the portal `NAME`")
	cmd.Flags().StringVar(&from, "from", "", "the copy, a `FILE` that backup made")
	return cmd
}

// restore puts a copy of a portal's state file into its place.
func restore(ctx context.Context, a *app, s *session, p configs.Portal, from string) error {
	if _, err := s.daemon(); err == nil {
		return usagef("the daemon runs with this state directory: stop it first (systemctl stop thnks-hubspot-sync)")
	} else if !errors.Is(err, admin.ErrNotRunning) {
		return err
	}
	path := stateFile(s.cfg, p.Name)
	aside, err := store.Restore(ctx, path, from, func(j *store.Store) error {
		if bound, want := giftsync.PortalAccount(j), pinned(p); want != "" && bound != "" && bound != want {
			return usagef("%s is of HubSpot account %s, and portal %s has account %s", from, bound, p.Name, want)
		}
		now := time.Now().UTC()
		// Where the counter of sends is missing, too, as on a new machine, a copy from
		// before the first gift looks like a portal that has sent nothing yet.
		return j.Commit(store.Commit{
			Meta:    giftsync.OweSends(),
			Audit:   []store.AuditEntry{{At: now, Action: "restored", Reasons: []string{"asked for by an admin"}}},
			Sending: store.Sending{Off: "the state file was restored from a backup", Since: now},
		})
	})
	if err != nil {
		return err
	}
	if err := putBackList(s.erased.of(p.Name).Path(), filepath.Join(filepath.Dir(from), p.Name+".suppressed")); err != nil {
		return fmt.Errorf("the state file is restored, but not the list of erased people: %w", err)
	}
	fmt.Fprintf(a.stdout, "%s: restored from %s\n", p.Name, printable(from))
	if aside != "" {
		fmt.Fprintf(a.stdout, "  the state file of before is %s: delete it when all is well, it holds personal data\n", printable(aside))
	}
	fmt.Fprintln(a.stdout, "  the next pass finds what has changed since the copy was made, and reads all records in HubSpot for gifts that were sent since; before gifts are sent: send resolve")
	return nil
}

// putBackList copies a list of erased people to where there is none.
func putBackList(path, from string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // check says so where one is needed
	}
	if err != nil {
		return err
	}
	return writeWhole(path, func(f *os.File) error {
		_, err := f.Write(list)
		return errors.Join(err, f.Sync())
	})
}

func compactCommand(a *app) *cobra.Command {
	var portal string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Write the state files anew with nothing but what they hold",
		Long: `State files keep the room of what was removed and use it again. This gives it back to
the disk. Runs and webhooks wait meanwhile, and the disk needs room for a second file.`,
		Example: `  thnks-hubspot-sync compact --portal acme`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.session(portal, false)
			if err != nil {
				return err
			}
			all, worst := askEach(a, s, func(by admin.Files, portal string) (compacted, error) {
				c, err := by.Compact(cmd.Context(), portal)
				return compacted{portal, c.Before, c.After}, err
			})
			if asJSON {
				return errors.Join(writeJSON(a.stdout, document[compacted]{Portals: all}), worst.asError())
			}
			for _, c := range all {
				fmt.Fprintf(a.stdout, "%s: from %s to %s bytes\n", c.Portal, count(int(c.Before)), count(int(c.After)))
			}
			return worst.asError()
		},
	}
	cmd.Flags().StringVar(&portal, "portal", "", "only the portal `NAME`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// compacted says what came of a portal's state file.
type compacted struct {
	Portal string `json:"portal"`
	Before int64  `json:"before"` // its size in bytes
	After  int64  `json:"after"`
}

var _ admin.Files = localService{}

// Backup implements [admin.Files].
func (l localService) Backup(_ context.Context, name string, w io.Writer) error {
	j, err := l.s.readState(name)
	if err != nil {
		return err
	}
	defer j.Close()
	_, err = j.Copy(w)
	return err
}

// Compact implements [admin.Files].
func (l localService) Compact(_ context.Context, name string) (store.Compaction, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return store.Compaction{}, err
	}
	defer j.Close()
	return j.Compact()
}
