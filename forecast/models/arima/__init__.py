"""ARIMA with regressors: the search for its order, the fit, outliers, and the diagnosis that people are shown."""
