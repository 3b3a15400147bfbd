"""What each figure shows and how to read it, for first-time readers.

A report uses these texts for figures of these names that come without a caption.
"""

CAPTIONS = {
    "residual_spectrum": (
        "Above, the spectrum of median depth and its reconstruction; below, the median"
        " residual of all rows and the band that holds 68 % of them. A residual at a"
        " line is physics that the model has not learnt; a wave is the continuum."
    ),
    "domain_map": (
        "Codes of synthetic and observed stars on the same axes, before and after"
        " fine-tuning. Clouds must cover each other for labels to carry over, but their"
        " doing so does not show that they do."
    ),
    "kiel_diagram": (
        "Estimates in the plane of temperature and gravity, with the truth in grey"
        " where it is known. Stars off the grey are unlike all whose truth is known."
    ),
    "error_against": (
        "Error of each label against the signal-to-noise ratio. Where the curve is"
        " flat, more light would not help: the model or its training set is the limit."
    ),
    "confusion_matrix": (
        "Where each true class ends up. The diagonal holds the recalls, whose mean is"
        " the balanced accuracy; dark fields off the diagonal are confusions."
    ),
    "class_reliability": (
        "Probability given to a class against the share of rows that belong to it. On"
        " the diagonal the probabilities are honest; below it the model is too sure."
    ),
    "worst_errors": (
        "Stamps of the most confident errors, on a logarithmic scale in units of the"
        " noise. Some are labelled wrongly; others show what the model never saw."
    ),
    "loss_distribution": (
        "Reconstruction loss of both classes. The network has only learnt normal rows,"
        " so anomalous ones should lie to the right. Triangles mark the medians."
    ),
    "roc": (
        "Trade-off between finding anomalies and raising false alarms. Left, the usual"
        " ROC; right, the same curves where surveys work, at few false positives."
        " Grey dashed lines are the baselines to beat."
    ),
    "score_distributions": (
        "Each score for both classes, heights as fractions of the class. The less the"
        " two shapes overlap, the better the score; dashed lines are thresholds."
    ),
    "latent_map": (
        "First two principal components of the latents, by class and by score. Classes"
        " on top of each other are no failure: the code describes the image, and what"
        " it cannot describe is in the residual."
    ),
    "neighbour_map": (
        "UMAP of the latents: rows that are neighbours in all dimensions are neighbours"
        " here. Distances between groups, and their sizes, mean nothing."
    ),
    "anomaly_gallery": (
        "What the network saw, what it made of it, and where the two differ by more"
        " than expected, from the most to the least anomalous. White contours outline"
        " the true substructure where it is known."
    ),
    "detection_curve": (
        "Fraction of anomalous rows that are found when the threshold lets the stated"
        " rate of normal rows pass as false alarms. Bars are exact 95 % binomial"
        " intervals; a curve on the dashed line finds nothing."
    ),
    "shortcut_audit": (
        "AUC that simple properties reach without any network. A long amber bar means"
        " that the classes differ in something trivial, and that a good score may owe"
        " its success to it."
    ),
    "training_history": (
        "Each named part of the objective during training. Validation well above"
        " training means overfitting; curves still falling at the end mean that longer"
        " training would help."
    ),
    "pull_histogram": (
        "Errors in units of the predicted error. Honest error bars follow the black"
        " curve; a wider histogram means that they are too small."
    ),
    "p_value_calibration": (
        "False positive rate asked for against the rate delivered on normal test rows."
        " Inside the grey band the difference is within chance, given the numbers of"
        " calibration and test rows."
    ),
    "coverage_curve": (
        "How often intervals of a given probability hold the truth. On the diagonal the"
        " error bars are honest; below it they are too small, above it too large."
    ),
    "pit_histogram": (
        "Where the truth fell in each predicted distribution. Flat within the grey band"
        " is honest; a hump means errors predicted too large, high ends too small, a"
        " slope a bias."
    ),
    "reliability_diagram": (
        "How often events of a predicted probability came true. On the diagonal"
        " probabilities mean what they say; below it they are overconfident. Bars are"
        " exact 95 % binomial intervals."
    ),
    "reduction_curves": (
        "Left, the error that is left with a given number of latents; right, with the"
        " price of the latents added. The lowest point on the right is the best trade."
        " Baselines and model are measured on the test rows."
    ),
    "velocity_panels": (
        "Data and reconstruction around each line, in velocity from the system's"
        " redshift; below, what is left, by the encoder alone dashed, on one scale in"
        " all panels."
    ),
    "latent_traversals": (
        "Spectra decoded while one latent moves and the others stay. A latent that"
        " shifts all lines together is a velocity; flat rows do nothing."
    ),
    "latent_corner": (
        "Every latent against every other, coloured by the reconstruction's error."
        " Holes and threads are where codes of real spectra never fall."
    ),
    "latent_knowledge": (
        "Share of each parameter's variance that a regression from the latents explains"
        " on test rows. What has a short bar cannot be read from the latents, however"
        " good the reconstruction."
    ),
    "equivalent_width_bias": (
        "Equivalent width of the reconstruction minus that of the data, spectrum by"
        " spectrum. A trend away from zero is a bias that a small error can hide."
    ),
    "error_by_group": (
        "Error of every test spectrum in groups of the neutral column. The mean over"
        " all spectra is set by the few at the right."
    ),
    "parity": (
        "Estimate against truth, residuals below. Points on the line are exact; a tilt"
        " towards the mean shows that the data carry little information there."
    ),
}


def caption(name: str) -> str:
    """Caption of a figure, by its name or the part before a dot or double underscore.

    Example:
        >>> caption("parity__theta_E_arcsec") == CAPTIONS["parity"], caption("other")
        (True, '')
    """
    return CAPTIONS.get(name) or CAPTIONS.get(name.split("__")[0].split(".")[0], "")
