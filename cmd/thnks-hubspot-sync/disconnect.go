package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/sync/admin"
	giftapp "thnks-hubspot-sync/sync/app"
)

func disconnectCommand(a *app) *cobra.Command {
	var portal string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "disconnect --portal NAME",
		Short: "End a portal's access to its HubSpot account, and remove its tokens",
		Long: `Uninstalls the app from the portal's HubSpot account, revokes the refresh token
and removes the tokens from the state file, in this order. HubSpot sends the
account's admins an e-mail. The records in HubSpot stay. Where a step fails, run
it again: it goes on from there.`,
		Example: `  thnks-hubspot-sync disconnect --portal acme`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, p, err := oauthPortal(a, portal, "disconnect", false)
			if err != nil {
				return err
			}
			done, err := withAccess(s, p.Name, func(by admin.Access) (giftapp.Farewell, error) { return by.Disconnect(cmd.Context(), p.Name) })
			if err != nil {
				return fmt.Errorf("portal %s: %w", p.Name, err)
			}
			if asJSON {
				return writeJSON(a.stdout, done)
			}
			printFarewell(a.stdout, done)
			return nil
		},
	}
	cmd.Flags().StringVar(&portal, "portal", "", "the portal `NAME`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func printFarewell(w io.Writer, f giftapp.Farewell) {
	if f.Shared != "" {
		fmt.Fprintf(w, "%s: its tokens are removed here. HubSpot was asked nothing: portal %s has access to account %s through the same app.\n", f.Portal, f.Shared, f.Account)
		return
	}
	fmt.Fprintf(w, "%s: the app is uninstalled from HubSpot account %s, its refresh token revoked, and the tokens are removed here. The gift records in HubSpot stay.\n", f.Portal, f.Account)
}
