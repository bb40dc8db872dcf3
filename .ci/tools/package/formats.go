package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages makes the .deb and the .rpm.
func (r release) packages(arch string, contents []file) error {
	script := func(s string) string { return filepath.Join(r.root, ".ci/tools/package/files", s) }
	info := &nfpm.Info{
		Name: name, Arch: arch, Platform: "linux", Version: r.version, MTime: r.at,
		Section: "net", Priority: "optional", License: "Apache-2.0",
		Maintainer:  name + " <root@localhost>",
		Description: "Thnks transactions in HubSpot\nCopies every Thnks transaction into a HubSpot custom object, links it to the\nright contact, company and open deals, and keeps its status true.",
		Overridables: nfpm.Overridables{
			Depends: []string{"systemd"},
			Scripts: nfpm.Scripts{PostInstall: script("postinst.sh"), PreRemove: script("prerm.sh"), PostRemove: script("postrm.sh")},
		},
	}
	for _, f := range contents {
		info.Contents = append(info.Contents, &files.Content{
			Source: f.from, Destination: f.to, Type: f.kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: r.at},
		})
	}
	for _, format := range []string{"deb", "rpm"} {
		p, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		made := nfpm.WithDefaults(info)
		made.Target = filepath.Join(r.out, p.ConventionalFileName(made))
		if err := nfpm.PrepareForPackager(made, format); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		if err := create(made.Target, func(w io.Writer) error { return p.Package(made, w) }); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// tarball makes the archive for machines with neither: the files by the names that they
// have on a machine, below one folder, without those that only a package's scripts make
// use of.
func (r release) tarball(arch string, contents []file) error {
	top := fmt.Sprintf("%s_%s_linux_%s", name, r.version, arch)
	return create(filepath.Join(r.out, top+".tar.gz"), func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		t := tar.NewWriter(z)
		for _, f := range contents {
			if f.from == "" {
				continue
			}
			content, err := os.ReadFile(f.from)
			if err != nil {
				return err
			}
			h := &tar.Header{Name: top + f.to, Mode: int64(f.mode), Size: int64(len(content)), ModTime: r.at, Uname: "root", Gname: "root", Format: tar.FormatPAX}
			if err := t.WriteHeader(h); err != nil {
				return err
			}
			if _, err := t.Write(content); err != nil {
				return err
			}
		}
		return errors.Join(t.Close(), z.Close())
	})
}

func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(strings.TrimSpace(path))
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
