import { hubspot, useExtensionContext } from '@hubspot/ui-extensions';
import { createPageRouter, PageRoutes, PageTitle } from '@hubspot/ui-extensions/pages';
import { GiftStatistics } from './GiftStatistics.tsx';

function Home() {
  const context = useExtensionContext<'pages'>();
  return (
    <>
      <PageTitle>Thnks gifts</PageTitle>
      <GiftStatistics context={context} />
    </>
  );
}

/** The pages of the app: there is one, the portal's statistics. */
export const Pages = createPageRouter(
  <PageRoutes>
    <PageRoutes.IndexRoute component={Home} />
  </PageRoutes>,
);

hubspot.extend<'pages'>(() => <Pages />);
