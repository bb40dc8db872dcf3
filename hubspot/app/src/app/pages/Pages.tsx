import { hubspot, type PagesContext } from '@hubspot/ui-extensions';
import { createPageRouter, PageRoutes, PageTitle } from '@hubspot/ui-extensions/pages';
import { GiftStatistics } from './GiftStatistics.tsx';

hubspot.extend<'pages'>(({ context }) => {
  const Router = routerOf(context);
  return <Router />;
});

/** The pages of the app: there is one, the portal's statistics. */
function routerOf(context: PagesContext) {
  const Home = () => (
    <>
      <PageTitle>Thnks gifts</PageTitle>
      <GiftStatistics context={context} />
    </>
  );
  return createPageRouter(
    <PageRoutes>
      <PageRoutes.IndexRoute component={Home} />
    </PageRoutes>,
  );
}
